#include "eval/timeline_picture.h"

#include <algorithm>
#include <array>
#include <fmt/format.h>
#include <iterator>
#include <string>
#include <vector>

#include "base/gnuplot.h"

namespace lightmamba {
namespace {

constexpr double kRowHeight = 0.8;  // share of the distance between two rows
constexpr std::array<const char*, accel::kUnits.size()> kUnitColours = {
    "#35567f", "#4a8cc2", "#7a1d4f", "#c2843a", "#3f7d4e", "#6b5b95"};

// The first row stands at the top.
double base_of_row(std::size_t unit) {
  return static_cast<double>(accel::kUnits.size() - 1 - unit);
}

// The outline of a unit's row, with a point only where its height changes.
void append_row(const accel::LayerTimeline& timeline, std::size_t unit, std::string& script) {
  const std::int64_t cycles = timeline.part.cycles.cycles();
  const std::int64_t width = accel::bucket_cycles(timeline, kTimelineBuckets);
  const double base = base_of_row(unit);
  const auto point = [&](std::int64_t cycle, double height) {
    fmt::format_to(std::back_inserter(script), "{} {:.3f}\n", cycle, base + height);
  };
  double height = 0;
  point(0, 0);
  std::int64_t begin = 0;
  for (const std::int64_t busy :
       accel::busy_in_buckets(timeline, static_cast<accel::Unit>(unit), kTimelineBuckets)) {
    if (begin >= cycles) break;
    const std::int64_t end = std::min(begin + width, cycles);
    const double next = kRowHeight * static_cast<double>(busy) / static_cast<double>(end - begin);
    if (next != height) {
      point(begin, height);
      point(begin, next);
    }
    height = next;
    begin = end;
  }
  point(cycles, height);
  point(cycles, 0);
  script += "e\n";
}

std::string timeline_script(const accel::LayerTimeline& timeline, std::string_view title) {
  const std::int64_t cycles = timeline.part.cycles.cycles();
  std::string script = fmt::format(
      "set title \"{}\" noenhanced offset 0,1\n"
      "set xrange [0:{}]\n"
      "set yrange [-0.1:{}]\n"
      "set xlabel 'cycle of the layer'\n"
      "set border 1\n"
      "set xtics out nomirror\n"
      "set lmargin 13\nset rmargin 9\nset tmargin 5\n"
      "unset key\n",
      title, cycles, accel::kUnits.size());
  std::string names;
  std::string shares;
  std::string plots;
  for (std::size_t unit = 0; unit < accel::kUnits.size(); ++unit) {
    const double middle = base_of_row(unit) + kRowHeight / 2;
    const char* comma = unit == 0 ? "" : ", ";
    fmt::format_to(std::back_inserter(names), "{}\"{}\" {:.2f}", comma, accel::kUnits[unit].title,
                   middle);
    fmt::format_to(
        std::back_inserter(shares), "{}\"{:.0f} %%\" {:.2f}", comma,  // gnuplot reads a format
        100 * static_cast<double>(timeline.part.busy[unit]) / static_cast<double>(cycles), middle);
    fmt::format_to(std::back_inserter(plots), "{}'-' with filledcurves closed lc rgb '{}'", comma,
                   kUnitColours[unit]);
  }
  fmt::format_to(std::back_inserter(script),
                 "set ytics ({}) nomirror scale 0\n"
                 "set y2range [-0.1:{}]\nset y2tics ({}) nomirror scale 0\n"
                 "set label 'in_proj' at 0,graph 1.04 left noenhanced\n",
                 names, accel::kUnits.size(), shares);
  if (timeline.part.out_proj_begin > 0) {
    const std::int64_t begin = timeline.part.out_proj_begin - timeline.part.cycles.begin;
    fmt::format_to(std::back_inserter(script),
                   "set arrow from {0},graph 0 to {0},graph 1 nohead dashtype 2 lc rgb '#555555'\n"
                   "set label 'out_proj' at {0},graph 1.04 {1} noenhanced\n",
                   begin, 10 * begin > 9 * cycles ? "right" : "left");
  }
  fmt::format_to(std::back_inserter(script), "plot {}\n", plots);
  for (std::size_t unit = 0; unit < accel::kUnits.size(); ++unit) {
    append_row(timeline, unit, script);
  }
  return script;
}

}  // namespace

void draw_timeline(const accel::LayerTimeline& timeline, std::string_view title,
                   const std::filesystem::path& path) {
  draw_picture(path, {.width = 1000, .height = 480}, timeline_script(timeline, title));
}

}  // namespace lightmamba

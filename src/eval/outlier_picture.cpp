#include "eval/outlier_picture.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstring>
#include <iterator>

#include "base/fail.h"
#include "base/gnuplot.h"
#include "eval/value_summary.h"

namespace lightmamba {
namespace {

constexpr Quantizer kQuantizer{.bits = 4, .group = 128};
constexpr std::int64_t kMaxCells = 400;  // across a panel

ValueSummary summarize(std::int64_t channels, std::span<const float> values) {
  ValueSummarizer summarizer(kQuantizer);
  summarizer.add(channels, values);
  return summarizer.summary();
}

// Channels that make one cell.
std::int64_t channels_in_cell(const OutlierReport& report) {
  return (report.channels + kMaxCells - 1) / kMaxCells;
}

// gnuplot reads its input byte by byte unless it is told how many numbers follow.
void append_image(const OutlierReport& report, const OutlierView& view, std::string& script) {
  const std::int64_t width = channels_in_cell(report);
  fmt::format_to(
      std::back_inserter(script),
      "plot '-' binary array=({},{}) dx={} dy=1 origin=({},0) format='%float32' with image\n",
      (report.channels + width - 1) / width, report.tokens, width, static_cast<double>(width) / 2);
  for (std::int64_t token = 0; token < report.tokens; ++token) {
    for (std::int64_t begin = 0; begin < report.channels; begin += width) {
      float largest = 0;
      for (std::int64_t c = begin; c < std::min(begin + width, report.channels); ++c) {
        const float value = view.values[static_cast<std::size_t>(token * report.channels + c)];
        largest = std::max(largest, std::abs(value));
      }
      std::array<char, sizeof(float)> bytes{};
      std::memcpy(bytes.data(), &largest, sizeof(float));
      script.append(bytes.data(), bytes.size());
    }
  }
}

std::string caption(std::string_view what, const ValueSummary& summary) {
  return fmt::format("{}\\nlargest {:.1f}, largest / rms {:.1f}, 4-bit error {:.1f} %", what,
                     summary.largest, summary.largest / summary.rms, 100 * summary.error);
}

std::string plot_script(const OutlierReport& report) {
  const std::int64_t width = channels_in_cell(report);
  std::string script = fmt::format(
      "set multiplot layout 1,2\n"
      "set palette defined (0 '#fcfdfe', 0.05 '#b9d3ea', 0.2 '#4a8cc2', 0.5 '#123d7a', "
      "0.75 '#7a1d4f', 1 '#e2342b')\n"
      "set cbrange [0:{}]\n"
      "set xrange [0:{}]\n"
      "set yrange [-0.5:{}]\n"
      "set xlabel 'channel{}'\n"
      "set ylabel 'token' offset 1\n"
      "set tics out nomirror\n"
      "set tmargin 4\n"
      "set bmargin 4\n"
      "unset key\n",
      std::max(report.before.summary.largest, report.after.summary.largest),
      (report.channels + width - 1) / width * width, static_cast<double>(report.tokens) - 0.5,
      width > 1 ? fmt::format(" (the largest of each {})", width) : "");
  const std::string place = report.layer < 0
                                ? std::string(tap_name(report.tap))
                                : fmt::format("{}, layer {}", tap_name(report.tap), report.layer);
  script += "unset colorbox\nset lmargin at screen 0.06\nset rmargin at screen 0.48\n";
  script += fmt::format("set title \"{}\" noenhanced\n",
                        caption("|x| at " + place, report.before.summary));
  append_image(report, report.before, script);
  script +=
      "set colorbox user origin screen 0.945,0.15 size screen 0.012,0.68\n"
      "set cblabel '|x|' offset -1\n"
      "set lmargin at screen 0.52\nset rmargin at screen 0.93\nunset ylabel\n";
  script +=
      fmt::format("set title \"{}\" noenhanced\n", caption("after rotation", report.after.summary));
  append_image(report, report.after, script);
  return script + "unset multiplot\n";
}

bool is_in_blocks(Tap tap) {
  return tap != Tap::embedding && tap != Tap::head_input && tap != Tap::logits;
}

}  // namespace

OutlierReport find_outliers(const Model& model, std::span<const TokenId> tokens, Tap tap,
                            std::int64_t layer, const MakeRotation& rotation) {
  if (tap == Tap::state) fail("the tap {} has no channels to show", tap_name(tap));
  if (is_in_blocks(tap) && (layer < 0 || layer >= model.config().n_layer)) {
    fail("there is no layer {}: the model has {}", layer, model.config().n_layer);
  }
  OutlierReport report;
  report.tap = tap;
  report.layer = is_in_blocks(tap) ? layer : -1;
  Taps taps;
  taps.set(tap, [&](const TapValue& value) {
    if (value.layer != report.layer) return;
    report.tokens += value.rows;
    report.channels = value.columns;
    report.before.values.insert(report.before.values.end(), value.data.begin(), value.data.end());
  });
  reference_backend(model)
      ->open({.taps = &taps})
      ->prefill_all(tokens, [](std::int64_t /*index*/, std::span<const float> /*logits*/) {});
  report.after.values = report.before.values;
  rotation(report.channels)(report.after.values);
  for (OutlierView* view : {&report.before, &report.after}) {
    view->summary = summarize(report.channels, view->values);
  }
  return report;
}

void draw_outliers(const OutlierReport& report, const std::filesystem::path& path) {
  draw_picture(path, {.width = 1500, .height = 640}, plot_script(report));
}

}  // namespace lightmamba

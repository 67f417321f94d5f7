#include "eval/roofline_picture.h"

#include <algorithm>
#include <fmt/format.h>
#include <iterator>
#include <string>

#include "base/gnuplot.h"

namespace lightmamba {
namespace {

std::string roofline_script(const Roofline& roofline, std::string_view title) {
  const double x = roofline.operations_per_byte;
  const bool has_memory = roofline.bytes_per_cycle > 0;
  const double ridge = has_memory ? roofline.peak / roofline.bytes_per_cycle : x;
  const double first = std::min(x, ridge) / 8;
  const double last = std::max(x, ridge) * 8;
  std::string script = fmt::format(
      "set title \"{}\" noenhanced\n"
      "set logscale xy\n"
      "set xrange [{:.4g}:{:.4g}]\n"
      "set yrange [{:.4g}:{:.4g}]\n"
      "set xlabel 'operations per byte of memory traffic'\n"
      "set ylabel 'operations per cycle'\n"
      "set tics out nomirror\n"
      "set border 3\n"
      "set rmargin 4\n"
      "unset key\n"
      "set label 'peak of the multipliers: {:.4g}' at {:.4g},{:.4g} right offset 0,0.7\n"
      "set label 'measured: {:.3g} of {:.3g}' at {:.4g},{:.4g} left offset 1.2,-0.6\n",
      title, first, last,
      std::min(roofline.operations_per_cycle, has_memory ? roofline.limit(first) : roofline.peak) /
          2,
      roofline.peak * 2, roofline.peak, last, roofline.peak, roofline.operations_per_cycle,
      roofline.limit(x), x, roofline.operations_per_cycle);
  if (has_memory) {
    fmt::format_to(
        std::back_inserter(script),
        "set label 'memory: {:.4g} bytes per cycle' at {:.4g},{:.4g} left offset 1.5,0\n",
        roofline.bytes_per_cycle, first, roofline.limit(first));
  }
  fmt::format_to(std::back_inserter(script),
                 "plot '-' with lines lw 2 lc rgb '#35567f', "
                 "'-' with points pt 7 ps 1.2 lc rgb '#e2342b'\n");
  if (has_memory) {
    fmt::format_to(std::back_inserter(script), "{:.6g} {:.6g}\n", first, roofline.limit(first));
  }
  fmt::format_to(std::back_inserter(script), "{:.6g} {:.6g}\n{:.6g} {:.6g}\ne\n{:.6g} {:.6g}\ne\n",
                 has_memory ? ridge : first, roofline.peak, last, roofline.peak, x,
                 roofline.operations_per_cycle);
  return script;
}

}  // namespace

double Roofline::limit(double operations_per_byte_of_program) const {
  if (bytes_per_cycle == 0) return peak;
  return std::min(peak, bytes_per_cycle * operations_per_byte_of_program);
}

Roofline make_roofline(const accel::Hardware& hardware, const accel::Usage& usage,
                       double bytes_per_cycle) {
  const double peak = 2.0 * hardware.rows * hardware.columns;
  const double operations = peak * static_cast<double>(usage.counters.mmu_busy);
  return {.peak = peak,
          .bytes_per_cycle = bytes_per_cycle,
          .operations_per_byte = operations / static_cast<double>(usage.traffic.total()),
          .operations_per_cycle = operations / static_cast<double>(usage.counters.cycles)};
}

void draw_roofline(const Roofline& roofline, std::string_view title,
                   const std::filesystem::path& path) {
  draw_picture(path, {.width = 760, .height = 480}, roofline_script(roofline, title));
}

}  // namespace lightmamba

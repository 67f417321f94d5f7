// How fast the matrix unit of the accelerator could work, and how fast it does.
#pragma once

#include <filesystem>
#include <string_view>

#include "accel/hardware/sizes.h"
#include "accel/runtime/accelerator.h"

namespace lightmamba {

// A multiplication and an addition of the matrix unit are two operations; bytes are those of all
// ports of the memory.
struct Roofline {
  double peak = 0;             // operations per cycle of all multipliers
  double bytes_per_cycle = 0;  // bandwidth of the memory; 0 where only the ports limit it
  double operations_per_byte = 0;
  double operations_per_cycle = 0;

  // What the peak and the memory allow with these operations per byte.
  double limit(double operations_per_byte_of_program) const;
};

// Returns the averages of some simulated tokens, of which there must be one at least.
Roofline make_roofline(const accel::Hardware& hardware, const accel::Usage& usage,
                       double bytes_per_cycle);

// Draws both limits and the measured point, with logarithmic axes, by the program gnuplot. The name
// of the file must end in .png or .svg. Throws Error as draw_picture() does.
void draw_roofline(const Roofline& roofline, std::string_view title,
                   const std::filesystem::path& path);

}  // namespace lightmamba

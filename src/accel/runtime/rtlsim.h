// The core in simulation, clock cycle by clock cycle. Defined in rtl/sim/rtlsim.cpp, which is part
// of builds with LIGHTMAMBA_RTL.
#pragma once

#include <cstdint>
#include <memory>

#include "accel/image/image.h"
#include "accel/runtime/accelerator.h"

namespace lightmamba::accel {

struct RtlsimOptions {
  double bytes_per_cycle = 0;  // that all ports together move at most; 0 is as many as they can
  int latency = 64;            // of the memory, in cycles
  int stall_percent = 0;       // cycles in which a channel of a port waits
  std::uint64_t seed = 1;      // of these
  // Without a beat on any stream for so long the core counts as stuck.
  std::int64_t max_idle_cycles = 100'000;
};

// Throws Error where the build has no core of the image's hardware.
std::unique_ptr<Accelerator> make_rtlsim(const Image& image, const RtlsimOptions& options);

}  // namespace lightmamba::accel

// The core in simulation, clock cycle by clock cycle. It is defined in rtl/sim/rtlsim.cpp, which is
// part of builds with LIGHTMAMBA_RTL.
#pragma once

#include <cstdint>
#include <memory>

#include "accel/image/image.h"
#include "accel/runtime/accelerator.h"

namespace lightmamba::accel {

struct RtlsimOptions {
  double bytes_per_cycle = 0;  // limit of all ports together; 0 means that only the ports limit it
  int latency = 64;            // latency of the memory, in cycles
  int stall_percent = 0;       // percentage of cycles in which a channel of a port waits
  std::uint64_t seed = 1;      // seed of these stalls
  // The core counts as stuck after this many cycles without a beat on any stream.
  std::int64_t max_idle_cycles = 100'000;
  bool use_interrupt = false;  // the interrupt of the core, instead of reading its control register
};

// Throws Error if the build has no core of the image's hardware.
std::unique_ptr<Accelerator> make_rtlsim(const Image& image, const RtlsimOptions& options);

}  // namespace lightmamba::accel

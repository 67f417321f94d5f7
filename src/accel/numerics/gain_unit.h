// v of the gated norm times the gain of its channel.
#pragma once

#include <cstdint>

#include "accel/numerics/fixed_point.h"

namespace lightmamba::accel {

inline constexpr int kGainedBits = 26;
inline constexpr int kGainShift = 19;

inline std::int64_t times_gain(std::int64_t v, std::int16_t gain) {
  return rescale(v * gain, kGainShift, kGainedBits);
}

}  // namespace lightmamba::accel

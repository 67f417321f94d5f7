// Rounding to integers, the same on every machine.
#pragma once

namespace lightmamba {

// Returns the nearest integer, ties to even, for |x| <= 2^22: beyond the added constant a float has
// no fraction. It does not work with -ffast-math.
inline float round_to_even(float x) {
  constexpr float kMagic = 12582912.0F;  // 1.5 * 2^23
  return (x + kMagic) - kMagic;
}

}  // namespace lightmamba

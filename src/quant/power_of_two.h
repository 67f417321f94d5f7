// Scales that are powers of two, so that changing one is a shift.
#pragma once

#include <cmath>

#include "quant/rounding.h"

namespace lightmamba {

// Returns the smallest power of two that is not below x; x is positive and finite.
inline float power_of_two_at_least(float x) {
  int exponent = 0;
  const float fraction = std::frexp(x, &exponent);  // in [0.5, 1)
  return std::ldexp(1.0F, fraction == 0.5F ? exponent - 1 : exponent);
}

// Returns the nearest value with `bits` significant bits and a power-of-two scale of its own.
// Values that are not positive do not change.
inline float round_significand(float value, int bits) {
  if (!(value > 0)) return value;
  const float step = power_of_two_at_least(value) / static_cast<float>(1 << bits);
  return step > 0 ? round_to_even(value / step) * step : value;
}

}  // namespace lightmamba

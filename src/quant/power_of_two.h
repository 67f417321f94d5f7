// Scales that are powers of two, so that changing one is a shift.
#pragma once

#include <cmath>

namespace lightmamba {

// The smallest power of two that is not below x; x is positive and finite.
inline float power_of_two_at_least(float x) {
  int exponent = 0;
  const float fraction = std::frexp(x, &exponent);  // in [0.5, 1)
  return std::ldexp(1.0F, fraction == 0.5F ? exponent - 1 : exponent);
}

}  // namespace lightmamba

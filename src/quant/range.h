// The range of a group of values that share a scale.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <span>

#include "base/wide.h"

namespace lightmamba {

// Both ends include 0; both are NaN if any value is NaN or infinite.
struct Range {
  float low, high;

  float magnitude() const { return std::max(-low, high); }
  bool is_nan() const { return std::isnan(low) || std::isnan(high); }
  // So little that the inverse of a scale would overflow.
  bool is_zero() const { return high - low < 1e-30F; }
};

inline Range range_of(std::span<const float> values) {
  float low = 0;
  float high = 0;
  float sum = 0;  // 0 or NaN, in whatever order
  with_wide_vectors([&]() LIGHTMAMBA_WIDE {
    float min = 0;
    float max = 0;
    float zero = 0;
#pragma omp simd reduction(min : min) reduction(max : max) reduction(+ : zero)
    for (std::size_t i = 0; i < values.size(); ++i) {
      min = std::min(min, values[i]);
      max = std::max(max, values[i]);
      zero += values[i] - values[i];
    }
    low = min;
    high = max;
    sum = zero;
  });
  return {low + sum, high + sum};
}

}  // namespace lightmamba

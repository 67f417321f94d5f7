// The scale of a group of weights that are stored as integer codes, w ~ code * scale.
//
// A scale is an IEEE half that is normal and not zero, or zero for a group of zeros; it may be
// negative, which lets the larger side of the two's complement range take the extreme weight.
#pragma once

#include <cstdint>
#include <span>

#include "quant/rounding.h"

namespace lightmamba {

// Returns 1 / scale, and 0 for a scale of 0.
inline float inverse_scale(float scale) { return scale == 0.0F ? 0.0F : 1.0F / scale; }

// NaN becomes `lowest`. Arguments are values, unlike those of std::clamp, so that loops vectorise.
inline float clamp_code(float code, float lowest, float highest) {
  const float raised = code > lowest ? code : lowest;
  return raised < highest ? raised : highest;
}

// The rounding of this project: returns the code of `weight` as a whole number in [lowest,
// highest].
inline float round_to_code(float weight, float inverse_scale, float lowest, float highest) {
  return round_to_even(clamp_code(weight * inverse_scale, lowest, highest));
}

// Computes the codes of weights.size() weights; `lowest` and `highest` are within the range of an
// int8.
void round_to_codes(std::span<const float> weights, float scale, int lowest, int highest,
                    std::span<std::int8_t> codes);

// Returns max|w| / (2^(bits-1) - 1). `bits` is 2 ... 8. Throws Error if a weight is not finite or
// the scale would exceed the largest half, 65504.
float absmax_scale(std::span<const float> weights, int bits);

// Returns the scale with about the least sum of importance * (w - code * scale)^2 over codes in
// [-2^(bits-1), 2^(bits-1) - 1]; never worse than absmax_scale. `importance` is not negative; empty
// means 1 for every weight. Throws as absmax_scale does.
float mse_scale(std::span<const float> weights, std::span<const float> importance, int bits);

}  // namespace lightmamba

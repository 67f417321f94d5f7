// The inputs of the matrix unit: 4-bit codes, a scale for each group, found from the values.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "accel/hardware/constants.h"

namespace lightmamba::accel {

inline constexpr int kCodeBits = constant("CODE_BITS");
inline constexpr int kClipFractionBits = constant("CLIP_FRACTION_BITS");
inline constexpr int kMultiplierBits = constant("MULTIPLIER_BITS");
inline constexpr int kInputBits = constant("ROTATED_BITS");  // of the values that are rounded

// What one code is worth: multiplier * 2^exponent.
struct GroupScale {
  bool negative = false;
  int mantissa = 0;  // 1024 ... 2047, or 0 where all values are 0
  int exponent = 0;  // value = code * mantissa * 2^(exponent - 18), the sign apart
};

// Rounds one group. The code of the value of largest magnitude is -8, so the scale is negative
// where that value is positive; of x and -x, -x counts. `clip` is the share of the range that the
// codes span, in units of 2^-15; the rest saturates.
GroupScale quantize_group(std::span<const std::int64_t> values, int clip,
                          std::span<std::int8_t> codes);

// A vector as the matrix unit takes it: value = code * multiplier * 2^exponent.
struct QuantizedVector {
  std::vector<std::int8_t> codes;
  std::vector<std::int32_t> multipliers;  // of each group, kMultiplierBits
  int exponent = 0;
};

// All groups of `group` values; the last may be shorter. `values` are in units of 2^exponent.
void quantize_vector(std::span<const std::int64_t> values, int exponent, std::int64_t group,
                     int clip, QuantizedVector& out);

}  // namespace lightmamba::accel

// The inputs of the matrix unit: 4-bit codes, and a scale for each group, which is found from the
// values.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "accel/hardware/constants.h"

namespace lightmamba::accel {

inline constexpr int kCodeBits = constant("CODE_BITS");
inline constexpr int kClipFractionBits = constant("CLIP_FRACTION_BITS");
inline constexpr int kMultiplierBits = constant("MULTIPLIER_BITS");
inline constexpr int kInputBits = constant("ROTATED_BITS");  // bits of the values that are rounded

// The value of one code: multiplier * 2^exponent.
struct GroupScale {
  bool negative = false;
  int mantissa = 0;  // 1024 ... 2047, or 0 if all values are 0
  int exponent = 0;  // value = code * mantissa * 2^(exponent - 18), without the sign
};

// Rounds one group. The code of the value of largest magnitude is -8, so the scale is negative if
// that value is positive; if x and -x are both largest, -x counts. `clip` is the share of the range
// that the codes span, in units of 2^-15; values beyond saturate.
GroupScale quantize_group(std::span<const std::int64_t> values, int clip,
                          std::span<std::int8_t> codes);

// A vector in the form that the matrix unit takes: value = code * multiplier * 2^exponent.
struct QuantizedVector {
  std::vector<std::int8_t> codes;
  std::vector<std::int32_t> multipliers;  // one for each group, kMultiplierBits
  int exponent = 0;
};

// Rounds all groups of `group` values; the last may be shorter. `values` are in units of
// 2^exponent.
void quantize_vector(std::span<const std::int64_t> values, int exponent, std::int64_t group,
                     int clip, QuantizedVector& out);

}  // namespace lightmamba::accel

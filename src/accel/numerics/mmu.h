// MMU: multiplies 4-bit weights and 4-bit activations, group by group.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "accel/hardware/constants.h"
#include "accel/numerics/quantize_unit.h"

namespace lightmamba::accel {

inline constexpr int kScaleBits = constant("SCALE_BITS");  // bits of a weight scale, with sign
inline constexpr int kAccumulatorBits = constant("ACCUMULATOR_BITS");

// weight = code * scale * 2^exponent
struct WeightMatrix {
  std::int64_t rows = 0;
  std::int64_t columns = 0;
  std::int64_t group = 128;
  int exponent = 0;
  std::vector<std::uint8_t> codes;   // two's complement, the even column low [rows, columns / 2]
  std::vector<std::int16_t> scales;  // [rows, groups]

  std::int64_t groups() const { return (columns + group - 1) / group; }
};

// Returns the exact sum over the groups of dot * multiplier * scale, for one row, in units of
// 2^(weights.exponent + x.exponent). It fits in kAccumulatorBits: |dot| <= 2^13, |multiplier| <
// 2^12, |scale| <= 2^15, at most 127 groups.
std::int64_t multiply_row(const WeightMatrix& weights, std::int64_t row, const QuantizedVector& x);

inline constexpr std::int64_t kMaxGroups = 127;

// Computes all rows of [begin, begin + out.size()), on several threads.
void multiply_rows(const WeightMatrix& weights, std::int64_t begin, const QuantizedVector& x,
                   std::span<std::int64_t> out);

}  // namespace lightmamba::accel

#include "accel/numerics/mmu.h"

#include <algorithm>

#include "base/threads.h"

namespace lightmamba::accel {
namespace {

// The dot product of whole bytes of codes with as many pairs of activations.
std::int32_t dot_product(const std::uint8_t* codes, const std::int8_t* x, std::int64_t pairs) {
  std::int32_t sum = 0;
  for (std::int64_t i = 0; i < pairs; ++i) {
    const auto byte = static_cast<std::int8_t>(codes[i]);
    const int odd = byte >> 4;
    const int even = static_cast<std::int8_t>(static_cast<std::uint8_t>(byte << 4)) >> 4;
    sum += even * x[2 * i] + odd * x[2 * i + 1];
  }
  return sum;
}

}  // namespace

std::int64_t multiply_row(const WeightMatrix& weights, std::int64_t row, const QuantizedVector& x) {
  const std::int64_t groups = weights.groups();
  const std::uint8_t* codes = weights.codes.data() + row * (weights.columns / 2);
  const std::int16_t* scales = weights.scales.data() + row * groups;
  std::int64_t sum = 0;
  for (std::int64_t g = 0; g < groups; ++g) {
    const std::int64_t begin = g * weights.group;
    const std::int64_t count = std::min(weights.group, weights.columns - begin);
    const std::int64_t dot = dot_product(codes + begin / 2, x.codes.data() + begin, count / 2);
    sum += dot * x.multipliers[static_cast<std::size_t>(g)] * scales[g];
  }
  return sum;
}

void multiply_rows(const WeightMatrix& weights, std::int64_t begin, const QuantizedVector& x,
                   std::span<std::int64_t> out) {
  constexpr std::int64_t kRows = 32;
  const std::int64_t rows = std::ssize(out);
  parallel_for((rows + kRows - 1) / kRows, kRows * weights.columns, [&](std::int64_t part) {
    for (std::int64_t row = part * kRows; row < std::min(rows, (part + 1) * kRows); ++row) {
      out[static_cast<std::size_t>(row)] = multiply_row(weights, begin + row, x);
    }
  });
}

}  // namespace lightmamba::accel

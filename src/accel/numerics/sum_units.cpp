#include "accel/numerics/sum_units.h"

#include <algorithm>
#include <vector>

#include "accel/hardware/constants.h"
#include "accel/numerics/bfp8.h"
#include "accel/numerics/fixed_point.h"

namespace lightmamba::accel {
namespace {

constexpr int kKeptBits = constant("KEPT_BITS");  // bits of a sum with its sign

// The bits that are rounded off, where `largest` is the largest magnitude.
int dropped_bits(std::int64_t largest) {
  return std::max(0, bit_length(largest) - (kKeptBits - 1));
}

}  // namespace

int sums_to_bfp8(std::span<const std::int64_t> sums, const Scaled& scale,
                 std::span<std::int8_t> codes) {
  std::int64_t largest = 0;
  for (const std::int64_t sum : sums) largest = std::max(largest, sum < 0 ? -sum : sum);
  const int dropped = dropped_bits(largest);
  std::vector<std::int64_t> products;
  products.reserve(sums.size());
  for (const std::int64_t sum : sums) {
    products.push_back(rescale(sum, dropped, kKeptBits) * scale.mantissa);
  }
  return round_bfp8(products, scale.exponent + dropped, codes);
}

std::int64_t sum_to_fixed(std::int64_t sum, const Scaled& scale, int fraction_bits, int bits) {
  const int dropped = dropped_bits(sum);
  return rescale(rescale(sum, dropped, kKeptBits) * scale.mantissa,
                 -(scale.exponent + dropped + fraction_bits), bits);
}

}  // namespace lightmamba::accel

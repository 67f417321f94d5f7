#include "accel/numerics/bfp8.h"

#include <algorithm>

#include "accel/numerics/fixed_point.h"

namespace lightmamba::accel {
namespace {

constexpr std::int64_t kLargestCode = 127;
constexpr int kLargestCodeBits = 7;

}  // namespace

int round_bfp8(std::span<const std::int64_t> values, int exponent, std::span<std::int8_t> codes) {
  std::int64_t largest = 0;
  for (const std::int64_t x : values) largest = std::max(largest, x < 0 ? -x : x);
  if (largest == 0) {
    std::fill(codes.begin(), codes.end(), std::int8_t{0});
    return kZeroExponent;
  }
  int shift = bit_length(largest) - kLargestCodeBits;
  // A power of two of 127 codes or a little less than 128 needs the next scale.
  if (shift > 0 && largest > kLargestCode << shift) ++shift;
  for (std::size_t i = 0; i < values.size(); ++i) {
    codes[i] = static_cast<std::int8_t>(
        std::clamp(rescale(values[i], shift, 9), -kLargestCode, kLargestCode));
  }
  return exponent + shift;
}

}  // namespace lightmamba::accel

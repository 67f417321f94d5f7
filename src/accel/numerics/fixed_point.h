// Integer arithmetic as hardware has it: shifts that round, and sums that saturate.
#pragma once

#include <algorithm>
#include <bit>
#include <cstdint>

namespace lightmamba::accel {

// Bits of |x|; 0 for 0.
inline int bit_length(std::int64_t x) {
  const auto bits = static_cast<std::uint64_t>(x);
  return static_cast<int>(std::bit_width(x < 0 ? 0 - bits : bits));
}

// Within signed integers of so many bits, at most 63.
inline std::int64_t saturate(std::int64_t x, int bits) {
  const std::int64_t limit = std::int64_t{1} << (bits - 1);
  return std::clamp(x, -limit, limit - 1);
}

// x 2^-right to the nearest integer, halves up, within `bits` bits, at most 63. `right` may be
// negative.
inline std::int64_t rescale(std::int64_t x, int right, int bits) {
  if (right > 63) return 0;
  if (right > 0) return saturate(((x >> (right - 1)) + 1) >> 1, bits);
  if (x == 0) return 0;
  if (bit_length(x) - right > bits - 1) return saturate(x < 0 ? INT64_MIN : INT64_MAX, bits);
  return static_cast<std::int64_t>(static_cast<std::uint64_t>(x) << -right);
}

// The exponent of what is zero: below that of any value.
inline constexpr int kZeroExponent = -128;

}  // namespace lightmamba::accel

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

// x 2^-shift to the nearest integer, halves up, within `bits` bits, at most 63. `shift` may be
// negative.
inline std::int64_t rescale(std::int64_t x, int shift, int bits) {
  if (shift > 63) return 0;
  if (shift > 0) return saturate(((x >> (shift - 1)) + 1) >> 1, bits);
  if (x == 0) return 0;
  if (bit_length(x) - shift > bits - 1) return saturate(x < 0 ? INT64_MIN : INT64_MAX, bits);
  return static_cast<std::int64_t>(static_cast<std::uint64_t>(x) << -shift);
}

// rescale() without a branch for each number, of 32-bit numbers that stay within 32 bits.
class Shift {
 public:
  explicit Shift(int shift)
      : up_(shift < 0 ? std::min(-shift, 31) : 0),
        down_(shift > 0 ? std::min(shift - 1, 31) : 0),
        last_(shift > 0 ? 1 : 0),
        mask_(shift > 32 ? 0 : -1) {}

  std::int32_t operator()(std::int32_t x) const {
    const auto up = static_cast<std::int32_t>(static_cast<std::uint32_t>(x) << up_);
    return (((up >> down_) + last_) >> last_) & mask_;
  }

 private:
  std::int32_t up_, down_, last_, mask_;
};

// The exponent of what is zero: below that of any value.
inline constexpr int kZeroExponent = -128;

}  // namespace lightmamba::accel

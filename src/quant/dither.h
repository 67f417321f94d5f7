// The thresholds by which the SSM state is rounded up or down: a low-discrepancy sequence that
// hardware makes with adders.
#pragma once

#include <cstdint>

namespace lightmamba {

// The threshold of a number is
//
//   (kDitherPosition position + kDitherIndex index + kDitherLayer layer) mod 2^16 / 2^16
//
// with its index in the state of the layer, and the position of the token that has left it. Over
// the tokens the thresholds of a number fill [0, 1) evenly (multipliers near 2^16 / p and
// 2^16 / p^2, p the plastic number, as in the R2 sequence of M. Roberts, 2018).
inline constexpr int kDitherBits = 16;
inline constexpr std::uint32_t kDitherPosition = 49471;
inline constexpr std::uint32_t kDitherIndex = 37345;
inline constexpr std::uint32_t kDitherLayer = 20021;

// Returns the start of the thresholds of a layer's state at a token: the sum above for index 0,
// before the modulus.
constexpr std::uint32_t state_dither(std::int64_t layer, std::int64_t position) {
  return static_cast<std::uint32_t>(position) * kDitherPosition +
         static_cast<std::uint32_t>(layer) * kDitherLayer;
}

}  // namespace lightmamba

// The causal conv of the newest token, for a few channels that share a bfp8 block.
#pragma once

#include <cstdint>
#include <span>

namespace lightmamba::accel {

inline constexpr std::int64_t kMaxConvTaps = 8;  // d_conv

// Weights of one layer: weight = code * 2^exponent, a bias in fixed point (functions.h).
struct ConvWeights {
  std::span<const std::int8_t> codes;      // [channels, d_conv], tap 0 is the oldest
  std::span<const std::int8_t> exponents;  // [channels]
  std::span<const std::int32_t> biases;    // [channels], kActivationBits
};

// A block of inputs of one token.
struct ConvTap {
  std::span<const std::int8_t> codes;  // [channels]
  int exponent;
};

// Computes the conv of each channel, in fixed point of kActivationBits. `taps` are d_conv tokens,
// the oldest first. Each product is rounded to fixed point before the sum.
void conv_sums(const ConvWeights& weights, std::span<const ConvTap> taps,
               std::span<std::int64_t> out);

// Computes silu(conv) of each channel.
void conv_silu(const ConvWeights& weights, std::span<const ConvTap> taps,
               std::span<std::int64_t> out);

}  // namespace lightmamba::accel

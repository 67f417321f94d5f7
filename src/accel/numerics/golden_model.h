// The whole network, token by token, in integers: what the hardware computes, bit for bit
// (docs/numerics.md).
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "accel/numerics/gate_unit.h"
#include "accel/numerics/integer_model.h"
#include "accel/numerics/probe.h"

namespace lightmamba::accel {

// All that a sequence leaves behind. A plain value.
struct GoldenState {
  explicit GoldenState(const Mamba2Config& config);

  std::vector<std::int8_t> conv_codes;      // [n_layer, d_conv - 1, conv_dim]
  std::vector<std::int8_t> conv_exponents;  // [n_layer, d_conv - 1, conv_dim / headdim]
  std::vector<std::int16_t> ssm_codes;      // [n_layer, nheads, headdim, d_state]
  std::vector<std::int8_t> ssm_exponents;   // [n_layer, nheads, headdim]
  std::int64_t position = 0;                // tokens seen

  bool operator==(const GoldenState&) const = default;
};

// Fraction bits of the sums of squares of the gated norm.
inline constexpr int kSquareShift = 12;  // of each square, before they are summed
inline constexpr int kGatedSquareFractionBits = 2 * kGatedFractionBits - kSquareShift;

inline constexpr int kLogitBits = 32;
inline constexpr int kLogitFractionBits = 16;

// One token. `logits` is [vocab_size], fixed point with kLogitFractionBits, or empty where none are
// wanted. `probe` sees what each unit gives.
void golden_decode(const IntegerModel& model, GoldenState& state, TokenId token,
                   std::span<std::int32_t> logits, const Probe& probe = {});

}  // namespace lightmamba::accel

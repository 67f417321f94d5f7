// The whole network, token by token, in integers. The hardware computes the same, bit for bit
// (docs/numerics.md).
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "accel/hardware/constants.h"
#include "accel/numerics/gate_unit.h"
#include "accel/numerics/integer_model.h"
#include "accel/numerics/probe.h"

namespace lightmamba::accel {

// The whole memory of a sequence, as a plain value.
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
inline constexpr int kSquareShift = 12;  // shift of each square, before the sum
inline constexpr int kGatedSquareFractionBits = 2 * kGatedFractionBits - kSquareShift;

inline constexpr int kLogitBits = constant("LOGIT_BITS");
inline constexpr int kLogitFractionBits = constant("FRACTION_BITS");

// Computes one token. `logits` is [vocab_size], fixed point with kLogitFractionBits, or empty if
// none are wanted. `probe` sees the results of each unit.
void golden_decode(const IntegerModel& model, GoldenState& state, TokenId token,
                   std::span<std::int32_t> logits, const Probe& probe = {});

// One token of a pass.
struct GoldenSlot {
  GoldenState& state;  // its sequence
  TokenId token;
  std::span<std::int32_t> logits = {};  // [vocab_size], or empty if none are wanted
};

// Computes the tokens of a pass together, layer by layer, so that each layer's weights are read
// from memory once. Slots may share a state: then they are its next tokens, in their order. The
// results are those of golden_decode() for one slot after the other.
void golden_pass(const IntegerModel& model, std::span<const GoldenSlot> slots,
                 const Probe& probe = {});

}  // namespace lightmamba::accel

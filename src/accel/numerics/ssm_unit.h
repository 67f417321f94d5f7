// SSMU: dt, the decay and the state update of one head.
//
//   h = a h + (dt x) B,   y = h C + D x
#pragma once

#include <cstdint>
#include <span>

#include "accel/hardware/constants.h"
#include "accel/numerics/functions.h"
#include "quant/dither.h"

namespace lightmamba::accel {

inline constexpr int kSignificantBits =
    constant("SIGNIFICANT_BITS");                            // significant bits of dt and 1 - a
inline constexpr int kStepBits = constant("STEP_BITS");      // bits of h before it is rounded
inline constexpr std::int64_t kMaxDState = 1024;             // d_state
inline constexpr int kOutputBits = constant("OUTPUT_BITS");  // bits of y in fixed point

// The parameters of one head. A is positive, the decay is exp(-A dt).
struct HeadWeights {
  std::int64_t dt_bias;  // fixed point of kDtFractionBits
  Scaled A;              // 16 bits
  std::int64_t D;        // 16 bits with sign, in units of 2^D_exponent
  int D_exponent;
};

// time_step_limit, in kSignificantBits.
struct DtLimits {
  Scaled min, max;
};

struct Decay {
  Scaled dt;          // kSignificantBits
  Scaled complement;  // 1 - a, kSignificantBits
};

// `raw` is the output of in_proj in fixed point, before the bias.
Decay compute_decay(const HeadWeights& weights, const DtLimits& limits, std::int64_t raw);

// B or C of one token: bfp8 blocks of equal size, each with an exponent.
struct Blocks {
  std::span<const std::int8_t> codes;      // [d_state]
  std::span<const std::int8_t> exponents;  // [blocks]

  std::size_t size() const { return codes.size() / exponents.size(); }
};

// The state of one channel: h = code * 2^exponent.
struct StateRow {
  std::span<std::int16_t> codes;  // [d_state]
  std::int8_t& exponent;
};

struct HeadInput {
  Decay decay;
  Blocks B, C;
  std::int64_t D;
  int D_exponent;
  std::int8_t x;  // code
  int x_exponent;
};

// Computes one token of one channel. The state gets codes of `state_bits` (16 or 8) with the
// smallest power-of-two scale that holds them, rounded up if fraction and threshold reach 1, except
// that one of 8 bits saturates where it would be less than 2^-7 beyond the largest; the threshold
// of code n is (threshold + kDitherIndex n) mod 2^16 / 2^16 (quant/dither.h). Returns y in fixed
// point.
std::int64_t step_channel(const HeadInput& input, int state_bits, std::uint32_t dither,
                          const StateRow& state);

}  // namespace lightmamba::accel

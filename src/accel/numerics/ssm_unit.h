// SSMU: dt, the decay and the state update of one head.
//
//   h = a h + (dt x) B,   y = h C + D x
#pragma once

#include <cstdint>
#include <span>

#include "accel/numerics/functions.h"
#include "quant/dither.h"
#include "quant/rounding_plan.h"

namespace lightmamba::accel {

inline constexpr int kSignificantBits = kSsmSignificantBits;  // of dt and 1 - a
inline constexpr int kStepBits = 32;                          // of h before it is rounded
inline constexpr std::int64_t kMaxDState = 1024;              // d_state
inline constexpr int kOutputBits = 32;                        // of y in fixed point

// Of one head. A is positive, the decay is exp(-A dt).
struct HeadWeights {
  std::int64_t dt_bias;  // fixed point of kDtFractionBits
  Scaled A;              // 16 bits
  std::int64_t D;        // 16 bits with sign, in units of 2^D_exponent
  int D_exponent;
};

// time_step_limit, of kSignificantBits.
struct DtLimits {
  Scaled min, max;
};

struct Decay {
  Scaled dt;          // kSignificantBits
  Scaled complement;  // 1 - a, kSignificantBits
};

// `raw` is the output of in_proj in fixed point, before the bias.
Decay compute_decay(const HeadWeights& weights, const DtLimits& limits, std::int64_t raw);

// B or C of one token: blocks of equal size, each with an exponent.
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

// One token of one channel. The state gets codes of `state_bits` with the smallest power-of-two
// scale that holds them, rounded up where fraction and threshold reach 1; the threshold of code n
// is (threshold + kDitherIndex n) mod 2^16 / 2^16 (quant/dither.h). Returns y in fixed
// point.
std::int64_t step_channel(const HeadInput& input, int state_bits, std::uint32_t dither,
                          const StateRow& state);

}  // namespace lightmamba::accel

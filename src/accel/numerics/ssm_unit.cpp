#include "accel/numerics/ssm_unit.h"

#include <algorithm>
#include <array>

#include "accel/numerics/fixed_point.h"

namespace lightmamba::accel {
namespace {

constexpr int kVectorBits = 8;    // bits of x, B and C
constexpr int kDecayedBits = 15;  // bits of |h| as codes
constexpr int kTermBits = 28;     // bits of the larger term of h
constexpr int kShortShift = 5;    // shift from kStepBits to the factor of C
constexpr int kSumBits = 40;      // bits of y, summed in fixed point

bool is_less(const Scaled& a, const Scaled& b) {  // for normalized numbers
  if (a.mantissa == 0 || b.mantissa == 0) return a.mantissa < b.mantissa;
  return a.exponent != b.exponent ? a.exponent < b.exponent : a.mantissa < b.mantissa;
}

// Returns the smallest shift by which the largest magnitude and a threshold below 1 are codes:
// those of 16 bits always hold it, those of 8 bits may lack 2^-7 of the last one.
int code_shift(std::int64_t largest, int bits) {
  return bit_length(largest + (largest >> (bits - 1))) - (bits - 1);
}

// Returns codes of h 2^-shift, rounded up if fraction and threshold reach 1.
void round_state(const std::int32_t* h, int shift, int bits, std::uint32_t dither,
                 std::span<std::int16_t> codes) {
  const std::int32_t max = (1 << (bits - 1)) - 1;
  if (shift <= 0) {
    for (std::size_t n = 0; n < codes.size(); ++n) {
      codes[n] = static_cast<std::int16_t>(h[n] << -shift);
    }
    return;
  }
  const int up = std::max(shift - kDitherBits, 0);
  const int down = std::max(kDitherBits - shift, 0);
  for (std::size_t n = 0; n < codes.size(); ++n) {
    const std::uint32_t own =
        (dither + static_cast<std::uint32_t>(n) * kDitherIndex) & ((1U << kDitherBits) - 1);
    const std::int32_t code = (h[n] + static_cast<std::int32_t>(own << up >> down)) >> shift;
    codes[n] = static_cast<std::int16_t>(std::min(code, max));
  }
}

}  // namespace

Decay compute_decay(const HeadWeights& weights, const DtLimits& limits, std::int64_t raw) {
  Scaled dt = normalize(softplus(saturate(raw + weights.dt_bias, kDtBits)), kSignificantBits);
  if (is_less(dt, limits.min)) dt = limits.min;
  if (is_less(limits.max, dt)) dt = limits.max;
  const Scaled complement =
      one_minus_exp({weights.A.mantissa * dt.mantissa, weights.A.exponent + dt.exponent});
  return {dt, normalize(complement, kSignificantBits)};
}

std::int64_t step_channel(const HeadInput& in, int state_bits, std::uint32_t dither,
                          const StateRow& state) {
  const Scaled& complement = in.decay.complement;
  const std::int64_t u = in.decay.dt.mantissa * in.x;
  const int u_exponent = in.decay.dt.exponent + in.x_exponent;
  const int B_exponent = *std::max_element(in.B.exponents.begin(), in.B.exponents.end());
  int exponent = kZeroExponent;
  if (state.exponent != kZeroExponent) {
    exponent = state.exponent + kDecayedBits - kTermBits;
  }
  if (u != 0 && B_exponent != kZeroExponent) {
    exponent = std::max(exponent, u_exponent + B_exponent + 3 * kVectorBits - 1 - kTermBits);
  }

  // No term has more than kTermBits and a sign, so none saturates.
  const Shift keep(exponent - state.exponent);
  const Shift lose(exponent - state.exponent - complement.exponent);
  const Shift shorten(kShortShift);
  const auto lost_of_one = static_cast<std::int32_t>(complement.mantissa);
  const auto input = static_cast<std::int32_t>(u);
  std::array<std::int32_t, kMaxDState> h;
  std::int32_t largest = 0;
  for (std::size_t block = 0; block < in.B.exponents.size(); ++block) {
    const Shift add(exponent - u_exponent - in.B.exponents[block]);
    const std::size_t begin = block * in.B.size();
    for (std::size_t n = begin; n < begin + in.B.size(); ++n) {
      const std::int32_t code = state.codes[n];
      h[n] = keep(code) - lose(code * lost_of_one) + add(input * in.B.codes[n]);
      largest = std::max(largest, h[n] < 0 ? -h[n] : h[n]);
    }
  }
  std::int64_t y = rescale(in.D * in.x, -(in.D_exponent + in.x_exponent + kFractionBits), kSumBits);
  for (std::size_t block = 0; block < in.C.exponents.size(); ++block) {
    const std::size_t begin = block * in.C.size();
    std::int64_t sum = 0;
    for (std::size_t n = begin; n < begin + in.C.size(); ++n) {
      sum += shorten(h[n]) * in.C.codes[n];
    }
    y += rescale(sum, -(exponent + kShortShift + in.C.exponents[block] + kFractionBits), kSumBits);
  }

  // A state that only decays becomes zero before its exponent reaches that of zero.
  const int shift = code_shift(largest, state_bits);
  if (largest == 0 || exponent + shift <= kZeroExponent) {
    std::fill(state.codes.begin(), state.codes.end(), std::int16_t{0});
    state.exponent = kZeroExponent;
  } else {
    round_state(h.data(), shift, state_bits, dither, state.codes);
    state.exponent = static_cast<std::int8_t>(exponent + shift);
  }
  return saturate(y, kOutputBits);
}

}  // namespace lightmamba::accel

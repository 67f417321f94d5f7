// Functions of one number, from tables.
#pragma once

#include <cstdint>

#include "accel/hardware/constants.h"

namespace lightmamba::accel {

// The number mantissa 2^exponent, not negative; 0 has mantissa 0 and kZeroExponent.
struct Scaled {
  std::int64_t mantissa;
  int exponent;

  bool operator==(const Scaled&) const = default;
};

// Shifts so that the mantissa has exactly `bits` bits; further bits are rounded off.
Scaled normalize(Scaled x, int bits);

// Returns 1 / sqrt(sum) for sum > 0, with a mantissa of 17 bits, 2^15 ... 2^16; 0 for 0.
Scaled inverse_root(std::uint64_t sum);

// The fixed point of activations between units: values times 2^kFractionBits.
inline constexpr int kFractionBits = constant("FRACTION_BITS");
inline constexpr int kActivationBits = constant("ACTIVATION_BITS");

// Returns x / (1 + exp(-x)); x and the result are fixed point of kActivationBits.
std::int64_t silu(std::int64_t x);

// Returns log(1 + exp(x)) for fixed point with kDtFractionBits, within kDtBits; 16 bits of
// mantissa.
inline constexpr int kDtFractionBits = constant("DT_FRACTION_BITS");
inline constexpr int kDtBits = constant("DT_BITS");
Scaled softplus(std::int64_t x);

// Returns 1 - exp(-u), with 16 bits of mantissa.
Scaled one_minus_exp(Scaled u);

}  // namespace lightmamba::accel

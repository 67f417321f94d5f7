#include "accel/numerics/functions.h"

#include <algorithm>
#include <bit>

#include "accel/numerics/fixed_point.h"
#include "accel/numerics/tables.h"

namespace lightmamba::accel {
namespace {

constexpr int kMantissaBits = 16;
constexpr int kTableRange = 16;     // tables of x end at -16 and 16
constexpr int kStepsOfOneLog2 = 5;  // 32 steps of x in 1

// Of a table of x in [-16, 16): the entry below x, and what is left in parts of a step.
struct Place {
  std::size_t index;
  std::int64_t rest;
};

Place place_of(std::int64_t x, int fraction_bits) {
  const std::int64_t from_start = x + (std::int64_t{kTableRange} << fraction_bits);
  const int rest_bits = fraction_bits - kStepsOfOneLog2;
  return {static_cast<std::size_t>(from_start >> rest_bits),
          from_start & ((std::int64_t{1} << rest_bits) - 1)};
}

}  // namespace

Scaled normalize(Scaled x, int bits) {
  if (x.mantissa == 0) return {0, kZeroExponent};
  const int shift = bit_length(x.mantissa) - bits;
  Scaled result = {rescale(x.mantissa, shift, 63), x.exponent + shift};
  if (bit_length(result.mantissa) > bits) {  // rounded up to a power of two
    result.mantissa >>= 1;
    ++result.exponent;
  }
  return result;
}

Scaled inverse_root(std::uint64_t sum) {
  if (sum == 0) return {0, kZeroExponent};
  // sum = f 4^quarters with f in [1, 4), of which 22 bits are used.
  constexpr int kBits = 22;
  constexpr int kIntervalBits = kBits - 7;
  const int quarters = (static_cast<int>(std::bit_width(sum)) - 1) / 2;
  const int shift = 2 * quarters - kBits;
  const std::uint64_t f = shift > 0 ? sum >> shift : sum << -shift;
  const std::size_t index = (f >> kIntervalBits) - (1U << 7);
  const auto rest = static_cast<std::int64_t>(f & ((1U << kIntervalBits) - 1));
  const auto& table = tables().inverse_root;
  const std::int64_t fall = std::int64_t{table[index]} - table[index + 1];
  return {table[index] - (fall * rest >> kIntervalBits), -kMantissaBits - quarters};
}

std::int64_t silu(std::int64_t x) {
  const std::int64_t end = std::int64_t{kTableRange} << kFractionBits;
  if (x >= end) return x;
  if (x < -end) return 0;
  const Place place = place_of(x, kFractionBits);
  const auto& table = tables().sigmoid;
  const std::int64_t rise = std::int64_t{table[place.index + 1]} - table[place.index];
  const std::int64_t sigmoid =
      table[place.index] + (rise * place.rest >> (kFractionBits - kStepsOfOneLog2));
  return rescale(x * sigmoid, 16, kActivationBits);
}

Scaled softplus(std::int64_t x) {
  const std::int64_t end = std::int64_t{kTableRange} << kDtFractionBits;
  if (x >= end) return normalize({x, -kDtFractionBits}, kMantissaBits);
  const Place place = place_of(std::max(x, -end), kDtFractionBits);
  const Tables::Softplus& entry = tables().softplus[place.index];
  const std::int64_t rise = entry.rise * place.rest >> (kDtFractionBits - kStepsOfOneLog2);
  return normalize({entry.base + rise, entry.exponent}, kMantissaBits);
}

Scaled one_minus_exp(Scaled u) {
  u = normalize(u, kMantissaBits);
  if (u.mantissa == 0) return u;
  const int octave = u.exponent + kMantissaBits - 1 - Tables::kDecayFirstOctave;
  if (octave < 0) return u;
  if (octave >= Tables::kDecayOctaves)
    return {std::int64_t{1} << (kMantissaBits - 1), 1 - kMantissaBits};
  constexpr int kRestBits = kMantissaBits - 1 - kStepsOfOneLog2;
  const std::int64_t fraction = u.mantissa - (std::int64_t{1} << (kMantissaBits - 1));
  const auto index =
      static_cast<std::size_t>(octave * Tables::kDecaySteps + (fraction >> kRestBits));
  const std::int64_t rest = fraction & ((1 << kRestBits) - 1);
  const auto& table = tables().decay_ratio;
  const std::int64_t fall = std::int64_t{table[index]} - table[index + 1];
  const std::int64_t ratio = table[index] - (fall * rest >> kRestBits);
  return normalize({u.mantissa * ratio, u.exponent - 16}, kMantissaBits);
}

}  // namespace lightmamba::accel

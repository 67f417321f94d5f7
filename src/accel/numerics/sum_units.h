// Sums of a linear layer, times the inverse root that normalises its input, as the units behind the
// MMU round them. A product is sum * scale.mantissa * 2^scale.exponent: the mantissa is that of
// inverse_root(), the exponent the one of the sums and the root together. Only the highest
// KEPT_BITS of a sum are multiplied.
#pragma once

#include <cstdint>
#include <span>

#include "accel/numerics/functions.h"

namespace lightmamba::accel {

// Rounds the products to the codes of one bfp8 block and returns the exponent of the codes, as
// round_bfp8() does. The largest sum says which bits of all are kept.
int sums_to_bfp8(std::span<const std::int64_t> sums, const Scaled& scale,
                 std::span<std::int8_t> codes);

// Rounds the product to fixed point: times 2^fraction_bits, clamped to `bits` bits.
std::int64_t sum_to_fixed(std::int64_t sum, const Scaled& scale, int fraction_bits, int bits);

}  // namespace lightmamba::accel

// Computes v = y silu(z), the input of the gated norm.
#pragma once

#include <cstdint>

#include "accel/hardware/constants.h"

namespace lightmamba::accel {

inline constexpr int kGatedBits = constant("GATED_BITS");
inline constexpr int kGatedFractionBits = 18;

// y and z are given as codes of bfp8 blocks: y_code 2^y_exponent and z_code 2^z_exponent.
std::int64_t gate(std::int8_t y_code, int y_exponent, std::int8_t z_code, int z_exponent);

}  // namespace lightmamba::accel

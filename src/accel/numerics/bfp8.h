// Blocks of 8-bit codes with one power-of-two scale: value = code * 2^exponent.
#pragma once

#include <cstdint>
#include <span>

namespace lightmamba::accel {

// Rounds values in units of 2^exponent to codes of -127 ... 127 and returns the codes' exponent:
// the smallest power of two that holds the largest magnitude; kZeroExponent where all are 0.
int round_bfp8(std::span<const std::int64_t> values, int exponent, std::span<std::int8_t> codes);

}  // namespace lightmamba::accel

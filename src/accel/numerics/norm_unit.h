// Sums of squares, whose inverse root scales what a linear layer gives.
#pragma once

#include <cstdint>
#include <span>

namespace lightmamba::accel {

// The sum of values^2 2^-shift, each rounded down; `values` have at most 32 bits.
std::uint64_t sum_of_squares(std::span<const std::int64_t> values, int shift);

}  // namespace lightmamba::accel

// HTU: computes x = (H_m (x) H_n) x, not normalised, in integers.
#pragma once

#include <cstdint>
#include <span>

namespace lightmamba::accel {

// `matrix` is H_m, row-major, of +1 and -1; n is a power of two; x is [m, n]. A value gains
// log2(m n) bits at most, rounded up.
void hadamard_transform(std::span<const std::int8_t> matrix, std::int64_t m, std::int64_t n,
                        std::span<std::int64_t> x);

}  // namespace lightmamba::accel

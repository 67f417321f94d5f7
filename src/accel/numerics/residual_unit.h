// The residual: from a row of the embedding, and with what a layer adds.
#pragma once

#include <cstdint>

#include "accel/numerics/fixed_point.h"

namespace lightmamba::accel {

inline constexpr int kResidualBits = 26;

// `shift` is the residual's exponent less the embedding's.
inline std::int64_t embed(std::int64_t code, std::int16_t scale, int shift) {
  return rescale(code * scale, shift, kResidualBits);
}

inline std::int64_t add_to_residual(std::int64_t residual, std::int64_t update) {
  return saturate(residual + update, kResidualBits);
}

}  // namespace lightmamba::accel

// The residual: a row of the embedding, plus the outputs of the layers.
#pragma once

#include <cstdint>

#include "accel/hardware/constants.h"
#include "accel/numerics/fixed_point.h"

namespace lightmamba::accel {

inline constexpr int kResidualBits = constant("RESIDUAL_BITS");

// `shift` is the residual's exponent minus the embedding's.
inline std::int64_t embed(std::int64_t code, std::int16_t scale, int shift) {
  return rescale(code * scale, shift, kResidualBits);
}

inline std::int64_t add_to_residual(std::int64_t residual, std::int64_t update) {
  return saturate(residual + update, kResidualBits);
}

}  // namespace lightmamba::accel

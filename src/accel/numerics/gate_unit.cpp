#include "accel/numerics/gate_unit.h"

#include "accel/numerics/fixed_point.h"
#include "accel/numerics/functions.h"

namespace lightmamba::accel {

std::int64_t gate(std::int8_t y_code, int y_exponent, std::int8_t z_code, int z_exponent) {
  const std::int64_t z = rescale(z_code, -(z_exponent + kFractionBits), kActivationBits);
  return rescale(y_code * silu(z), -(y_exponent - kFractionBits + kGatedFractionBits), kGatedBits);
}

}  // namespace lightmamba::accel

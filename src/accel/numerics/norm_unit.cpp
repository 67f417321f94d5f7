#include "accel/numerics/norm_unit.h"

namespace lightmamba::accel {

std::uint64_t sum_of_squares(std::span<const std::int64_t> values, int shift) {
  std::uint64_t sum = 0;
  for (const std::int64_t x : values) sum += static_cast<std::uint64_t>(x * x) >> shift;
  return sum;
}

}  // namespace lightmamba::accel

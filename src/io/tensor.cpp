#include "io/tensor.h"

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <limits>

#include "base/fail.h"

namespace lightmamba {

std::string shape_string(const Shape& shape) { return fmt::format("[{}]", fmt::join(shape, ", ")); }

std::size_t element_count(const Shape& shape, DType dtype) {
  constexpr auto kMax = static_cast<std::size_t>(std::numeric_limits<std::int64_t>::max());
  std::size_t count = 1;
  for (const std::int64_t dim : shape) {
    if (dim < 0) fail("shape {} has a negative dimension", shape_string(shape));
    std::size_t bytes = 0;
    if (__builtin_mul_overflow(count, static_cast<std::size_t>(dim), &count) ||
        __builtin_mul_overflow(count, dtype_size(dtype), &bytes) || bytes > kMax) {
      fail("shape {} of {} is too large", shape_string(shape), dtype_name(dtype));
    }
  }
  return count;
}

}  // namespace lightmamba

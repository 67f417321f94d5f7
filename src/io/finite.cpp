#include "io/finite.h"

#include <algorithm>
#include <atomic>
#include <bit>
#include <cmath>
#include <cstring>
#include <fmt/format.h>
#include <limits>

#include "base/fail.h"
#include "base/threads.h"

namespace lightmamba {
namespace {

constexpr std::size_t kChunk = std::size_t{1} << 18;  // elements of a task

// Without the sign, the bits of a floating-point number grow with its magnitude: NaN and infinity
// come after all others. Bits is a signed type, since those compare fast in vectors.
template <typename Bits>
bool any_from(const std::byte* data, std::size_t count, Bits min) {
  constexpr Bits kMagnitude = std::numeric_limits<Bits>::max();
  int found = 0;
#pragma omp simd reduction(| : found)
  for (std::size_t i = 0; i < count; ++i) {
    Bits bits = 0;
    std::memcpy(&bits, data + i * sizeof bits, sizeof bits);
    found |= static_cast<Bits>(bits & kMagnitude) >= min ? 1 : 0;
  }
  return found != 0;
}

bool any_not_finite(DType type, const std::byte* data, std::size_t count) {
  switch (type) {
    case DType::f16:
      return any_from<std::int16_t>(data, count, 0x7c00);
    case DType::bf16:
      return any_from<std::int16_t>(data, count, 0x7f80);
    case DType::f32:
      return any_from<std::int32_t>(data, count, 0x7f800000);
    case DType::f64:  // from here on a double becomes an infinite float
      return any_from<std::int64_t>(data, count, std::bit_cast<std::int64_t>(0x1.ffffffp127));
    default:
      return false;
  }
}

}  // namespace

std::optional<std::size_t> first_not_finite(const Tensor& tensor) {
  const std::size_t size = dtype_size(tensor.dtype);
  const std::size_t count = tensor.data.size() / size;
  const auto any_in = [&](std::size_t begin, std::size_t end) {
    return any_not_finite(tensor.dtype, tensor.data.data() + begin * size, end - begin);
  };
  std::atomic<std::size_t> first = count;  // where the first such chunk begins
  parallel_for(static_cast<std::int64_t>((count + kChunk - 1) / kChunk), kChunk / 8,
               [&](std::int64_t chunk) {
                 const std::size_t begin = static_cast<std::size_t>(chunk) * kChunk;
                 if (!any_in(begin, std::min(count, begin + kChunk))) return;
                 std::size_t so_far = first;
                 while (begin < so_far && !first.compare_exchange_weak(so_far, begin)) {
                 }
               });
  for (std::size_t i = first; i < count; ++i) {
    if (any_in(i, i + 1)) return i;
  }
  return std::nullopt;
}

void require_finite(const Tensor& tensor, const std::string& what) {
  const std::optional<std::size_t> found = first_not_finite(tensor);
  if (!found) return;
  Shape place(tensor.shape.size());
  std::size_t rest = *found;
  for (std::size_t d = place.size(); d-- > 0;) {
    place[d] = static_cast<std::int64_t>(rest % static_cast<std::size_t>(tensor.shape[d]));
    rest /= static_cast<std::size_t>(tensor.shape[d]);
  }
  const std::byte* data = tensor.data.data() + *found * dtype_size(tensor.dtype);
  if (tensor.dtype == DType::f64) {
    double value = 0;
    std::memcpy(&value, data, sizeof value);
    if (std::isfinite(value)) {
      fail("{}: element {} is {:g}, which is beyond what a float holds", what, shape_string(place),
           value);
    }
  }
  float value = 0;
  to_float(tensor.dtype, data, {&value, 1});
  fail("{}: element {} is {}, not a finite number", what, shape_string(place), value);
}

}  // namespace lightmamba

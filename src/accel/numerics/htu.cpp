#include "accel/numerics/htu.h"

#include <algorithm>
#include <vector>

namespace lightmamba::accel {

void hadamard_transform(std::span<const std::int8_t> matrix, std::int64_t m, std::int64_t n,
                        std::span<std::int64_t> x) {
  for (std::int64_t chunk = 0; chunk < m; ++chunk) {
    std::int64_t* const values = x.data() + chunk * n;
    for (std::int64_t half = 1; half < n; half *= 2) {
      for (std::int64_t i = 0; i < n; ++i) {
        if ((i & half) != 0) continue;
        const std::int64_t a = values[i];
        const std::int64_t b = values[i + half];
        values[i] = a + b;
        values[i + half] = a - b;
      }
    }
  }
  std::vector<std::int64_t> mixed(x.size());
  for (std::int64_t to = 0; to < m; ++to) {
    for (std::int64_t from = 0; from < m; ++from) {
      const std::int64_t sign = matrix[static_cast<std::size_t>(to * m + from)] < 0 ? -1 : 1;
      for (std::int64_t i = 0; i < n; ++i) {
        mixed[static_cast<std::size_t>(to * n + i)] +=
            sign * x[static_cast<std::size_t>(from * n + i)];
      }
    }
  }
  std::copy(mixed.begin(), mixed.end(), x.begin());
}

}  // namespace lightmamba::accel

// What must hold of every tensor that a parser returns.
#pragma once

#include <cstddef>
#include <cstdlib>
#include <numeric>

#include "io/tensor.h"

inline void check_tensor(const lightmamba::Tensor& tensor) {
  const std::size_t count = lightmamba::element_count(tensor.shape, tensor.dtype);
  if (tensor.data.size() != count * lightmamba::dtype_size(tensor.dtype)) std::abort();
  // Touches every byte, for the sanitizers.
  volatile int sum = std::accumulate(
      tensor.data.begin(), tensor.data.end(), 0,
      [](int so_far, std::byte value) { return so_far ^ std::to_integer<int>(value); });
  static_cast<void>(sum);
}

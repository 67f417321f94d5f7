// What must hold of every tensor that a parser returns.
#pragma once

#include <cstddef>
#include <cstdlib>
#include <numeric>

#include "io/finite.h"
#include "io/tensor.h"
#include "io/tensor_names.h"

inline void check_tensor(const lightmamba::Tensor& tensor) {
  const std::size_t count = lightmamba::element_count(tensor.shape, tensor.dtype);
  if (tensor.data.size() != count * lightmamba::dtype_size(tensor.dtype)) std::abort();
  // Touches every byte, for the sanitizers.
  volatile int sum = std::accumulate(
      tensor.data.begin(), tensor.data.end(), 0,
      [](int so_far, std::byte value) { return so_far ^ std::to_integer<int>(value); });
  static_cast<void>(sum);
  const auto found = lightmamba::first_not_finite(tensor);
  if (found && *found >= count) std::abort();
}

// Each tensor has one name of its own.
inline void check_names(const lightmamba::TensorMap& tensors) {
  if (lightmamba::plain_names(tensors).size() != tensors.size()) std::abort();
}

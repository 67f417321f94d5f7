// Weight matrices in the type they are stored in, and products with them.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>

#include "base/dtype.h"

namespace lightmamba {

// Row-major view of a stored weight: y = W x maps `columns` inputs to `rows` outputs.
struct Matrix {
  DType dtype = DType::f32;
  std::int64_t rows = 0;
  std::int64_t columns = 0;
  const std::byte* data = nullptr;
  std::shared_ptr<const void> owner;

  Matrix row_range(std::int64_t begin, std::int64_t end) const;
  const std::byte* row(std::int64_t index) const;
  void row_to_float(std::int64_t index, std::span<float> out) const;  // out: [columns]
};

// Y = X Wᵀ: x is [tokens, W.columns], y is [tokens, W.rows], both row-major. Stored values are
// widened to float a few rows at a time. The result does not depend on the number of threads.
void linear(const Matrix& weight, std::int64_t tokens, std::span<const float> x,
            std::span<float> y);

}  // namespace lightmamba

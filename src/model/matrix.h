// Weight matrices in the type they are stored in, and products with them.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>

#include "base/dtype.h"
#include "model/code_format.h"

namespace lightmamba {

// Row-major view of a stored weight: y = W x maps `columns` inputs to `rows` outputs. It has a
// floating `dtype`, or codes with their scales.
struct Matrix {
  DType dtype = DType::f32;
  std::int64_t rows = 0;
  std::int64_t columns = 0;
  const std::byte* data = nullptr;
  std::shared_ptr<const void> owner = nullptr;
  CodeFormat codes = {};  // bits of 0: floating
  const std::byte* scales = nullptr;
  std::shared_ptr<const void> scales_owner = nullptr;
  std::int64_t first_row = 0;  // for codes: `data` and `scales` begin this many rows before row 0

  bool is_quantized() const { return codes.bits != 0; }
  std::size_t bytes() const;  // bytes of elements and scales, padding included
  Matrix row_range(std::int64_t begin, std::int64_t end) const;
  void row_to_float(std::int64_t index, std::span<float> out) const;  // out: [columns]
  void to_float(std::span<float> out) const;                          // out: [rows, columns]
};

// How threads share a product: each takes rows of the weight, or one thread takes all of it. The
// latter is less work in total, if the caller has already distributed larger parts.
enum class Split { rows, none };

// Computes Y = X Wᵀ: x is [tokens, W.columns], y is [tokens, W.rows], both row-major. Stored values
// are widened to float, a few rows at a time if rows are split. The result does not depend on the
// number of threads.
void linear(const Matrix& weight, std::int64_t tokens, std::span<const float> x, std::span<float> y,
            Split split = Split::rows);

}  // namespace lightmamba

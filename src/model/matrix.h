// Weight matrices in the type they are stored in, and products with them.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>

#include "base/dtype.h"
#include "model/code_format.h"

namespace lightmamba {

// Row-major view of a stored weight: y = W x maps `columns` inputs to `rows` outputs. Either of a
// floating `dtype`, or codes with their scales.
struct Matrix {
  DType dtype = DType::f32;
  std::int64_t rows = 0;
  std::int64_t columns = 0;
  const std::byte* data = nullptr;
  std::shared_ptr<const void> owner = nullptr;
  CodeFormat codes = {};  // bits 0: floating
  const std::byte* scales = nullptr;
  std::shared_ptr<const void> scales_owner = nullptr;
  std::int64_t first_row = 0;  // of codes: `data` and `scales` begin so many rows before row 0

  bool is_quantized() const { return codes.bits != 0; }
  std::size_t bytes() const;  // of elements and scales, with what fills up blocks
  Matrix row_range(std::int64_t begin, std::int64_t end) const;
  void row_to_float(std::int64_t index, std::span<float> out) const;  // out: [columns]
  void to_float(std::span<float> out) const;                          // out: [rows, columns]
};

// What threads take of a product: rows of the weight each, or all of it one thread. The latter is
// less work in all, where the caller has shared out larger parts already.
enum class Split { rows, none };

// Y = X Wᵀ: x is [tokens, W.columns], y is [tokens, W.rows], both row-major. Stored values are
// widened to float, a few rows at a time where those are split. The result does not depend on the
// number of threads.
void linear(const Matrix& weight, std::int64_t tokens, std::span<const float> x, std::span<float> y,
            Split split = Split::rows);

}  // namespace lightmamba

// Weight matrices in the type they are stored in, and products with them.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>

#include "base/dtype.h"

namespace lightmamba {

// Integer codes in two's complement and a 16-bit float scale for each group of consecutive columns
// of a row (the last group may be shorter): value = code * scale.
struct CodeFormat {
  static constexpr std::int64_t kLargestGroup = 1 << 24;

  int bits = 0;            // 8: a byte for each code; 4: the even column in the low half of a byte
  std::int64_t group = 0;  // columns

  std::int64_t row_bytes(std::int64_t columns) const { return (columns * bits + 7) / 8; }
  std::int64_t groups(std::int64_t columns) const { return (columns + group - 1) / group; }
};

// Row-major view of a stored weight: y = W x maps `columns` inputs to `rows` outputs. Either of a
// floating `dtype`, or codes with their scales.
struct Matrix {
  DType dtype = DType::f32;
  std::int64_t rows = 0;
  std::int64_t columns = 0;
  const std::byte* data = nullptr;
  std::shared_ptr<const void> owner = nullptr;
  CodeFormat codes = {};              // bits 0: floating
  const std::byte* scales = nullptr;  // F16 [rows, codes.groups(columns)]
  std::shared_ptr<const void> scales_owner = nullptr;

  bool is_quantized() const { return codes.bits != 0; }
  std::size_t bytes() const;  // of elements and scales
  Matrix row_range(std::int64_t begin, std::int64_t end) const;
  const std::byte* row(std::int64_t index) const;
  void row_to_float(std::int64_t index, std::span<float> out) const;  // out: [columns]
};

// Y = X Wᵀ: x is [tokens, W.columns], y is [tokens, W.rows], both row-major. Stored values are
// widened to float a few rows at a time. The result does not depend on the number of threads.
void linear(const Matrix& weight, std::int64_t tokens, std::span<const float> x,
            std::span<float> y);

}  // namespace lightmamba

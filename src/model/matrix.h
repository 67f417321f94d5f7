// Weight matrices in the type they are stored in, and products with them.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>

#include "base/dtype.h"

namespace lightmamba {

// Integer codes and a 16-bit float scale for each group of consecutive columns of a row (the last
// group may be shorter): value = code * scale.
//
// They lie as products read them: in blocks of kBlockRows rows, and there in units of a few
// columns, with 4 bytes for each row of the block,
//
//   codes   U8  [blocks, units, kBlockRows, 4]
//   scales  F16 [blocks, groups, kBlockRows]
//
// Byte j of a row holds, at 8 bits, code + 128 of column 4 unit + j; at 4 bits, code + 8 of column
// 8 unit + j in its low half and of column 8 unit + 4 + j in its high half. Rows and columns that
// are there only to fill up are zeros: codes of 0 and scales of 0.
struct CodeFormat {
  static constexpr std::int64_t kLargestGroup = 1 << 24;
  static constexpr std::int64_t kGroupStep = 8;  // so that a unit lies in one group
  static constexpr std::int64_t kBlockRows = 16;
  static constexpr std::int64_t kRowBytes = 4;  // of a row in a unit
  static constexpr std::int64_t kUnitBytes = kBlockRows * kRowBytes;

  int bits = 0;            // 4 or 8
  std::int64_t group = 0;  // columns

  static bool is_group(std::int64_t group) {
    return group > 0 && group <= kLargestGroup && group % kGroupStep == 0;
  }
  int offset() const { return 1 << (bits - 1); }  // between a code and what is stored for it
  std::int64_t unit_columns() const { return kRowBytes * 8 / bits; }
  static std::int64_t blocks(std::int64_t rows) { return (rows + kBlockRows - 1) / kBlockRows; }
  std::int64_t units(std::int64_t columns) const {
    return (columns + unit_columns() - 1) / unit_columns();
  }
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

// Y = X Wᵀ: x is [tokens, W.columns], y is [tokens, W.rows], both row-major. Stored values are
// widened to float a few rows at a time. The result does not depend on the number of threads.
void linear(const Matrix& weight, std::int64_t tokens, std::span<const float> x,
            std::span<float> y);

}  // namespace lightmamba

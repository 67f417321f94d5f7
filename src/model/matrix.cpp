#include "model/matrix.h"

#include <algorithm>
#include <cstdint>

#include "base/buffer.h"
#include "base/fail.h"
#include "base/threads.h"
#include "model/blas.h"

namespace lightmamba {
namespace {

// Rows that one task multiplies: their floats fit the second-level cache at the widest inputs, and
// as the size is fixed, so is the order of every sum.
constexpr std::int64_t kPanelRows = 64;
constexpr auto kScaleBytes = static_cast<std::int64_t>(sizeof(std::uint16_t));

// The rows as floats: in place where they are stored so, else widened into `scratch`.
const float* as_floats(const Matrix& panel, AlignedVector<float>& scratch) {
  const bool aligned = reinterpret_cast<std::uintptr_t>(panel.data) % alignof(float) == 0;
  if (!panel.is_quantized() && panel.dtype == DType::f32 && aligned) {
    return reinterpret_cast<const float*>(panel.data);
  }
  scratch.resize(static_cast<std::size_t>(panel.rows * panel.columns));
  panel.to_float(scratch);
  return scratch.data();
}

std::size_t row_bytes(const Matrix& matrix) {
  return static_cast<std::size_t>(matrix.columns) * dtype_size(matrix.dtype);
}

// Rows [begin, end) of one block, one after the other.
void block_to_float(const Matrix& matrix, std::int64_t block, std::int64_t begin, std::int64_t end,
                    float* out) {
  constexpr std::int64_t kRowBytes = CodeFormat::kRowBytes;
  const CodeFormat& format = matrix.codes;
  const std::int64_t units = format.units(matrix.columns);
  const std::int64_t groups = format.groups(matrix.columns);
  AlignedVector<float> scales(static_cast<std::size_t>(groups * CodeFormat::kBlockRows));
  to_float(DType::f16,
           matrix.scales + static_cast<std::size_t>(block) * scales.size() * dtype_size(DType::f16),
           scales);
  const std::byte* bytes = matrix.data + block * units * CodeFormat::kUnitBytes;
  for (std::int64_t unit = 0; unit < units; ++unit, bytes += CodeFormat::kUnitBytes) {
    const std::int64_t column = unit * format.unit_columns();
    const std::int64_t count = std::min(format.unit_columns(), matrix.columns - column);
    const float* scale = scales.data() + column / format.group * CodeFormat::kBlockRows;
    for (std::int64_t row = begin; row < end; ++row) {
      float* values = out + (row - begin) * matrix.columns + column;
      for (std::int64_t i = 0; i < count; ++i) {
        auto code = std::to_integer<int>(bytes[row * kRowBytes + i % kRowBytes]);
        if (format.bits == 4) code = code >> (4 * (i / kRowBytes)) & 15;
        values[i] = static_cast<float>(code - format.offset()) * scale[row];
      }
    }
  }
}

}  // namespace

std::size_t Matrix::bytes() const {
  if (!is_quantized()) return static_cast<std::size_t>(rows) * row_bytes(*this);
  const std::int64_t blocks =
      CodeFormat::blocks(first_row + rows) - first_row / CodeFormat::kBlockRows;
  return static_cast<std::size_t>(blocks *
                                  (codes.units(columns) * CodeFormat::kUnitBytes +
                                   codes.groups(columns) * CodeFormat::kBlockRows * kScaleBytes));
}

Matrix Matrix::row_range(std::int64_t begin, std::int64_t end) const {
  Matrix part = *this;
  part.rows = end - begin;
  if (is_quantized()) {
    part.first_row += begin;
  } else {
    part.data += static_cast<std::size_t>(begin) * row_bytes(*this);
  }
  return part;
}

void Matrix::row_to_float(std::int64_t index, std::span<float> out) const {
  row_range(index, index + 1).to_float(out);
}

void Matrix::to_float(std::span<float> out) const {
  if (!is_quantized()) return lightmamba::to_float(dtype, data, out);
  constexpr std::int64_t kBlock = CodeFormat::kBlockRows;
  for (std::int64_t row = first_row; row < first_row + rows;) {
    const std::int64_t block = row / kBlock;
    const std::int64_t end = std::min(first_row + rows, (block + 1) * kBlock);
    block_to_float(*this, block, row - block * kBlock, end - block * kBlock,
                   out.data() + (row - first_row) * columns);
    row = end;
  }
}

void linear(const Matrix& weight, std::int64_t tokens, std::span<const float> x,
            std::span<float> y) {
  if (std::ssize(x) != tokens * weight.columns || std::ssize(y) != tokens * weight.rows) {
    fail("linear: {} inputs and {} outputs do not fit {} tokens of a {} x {} matrix", x.size(),
         y.size(), tokens, weight.rows, weight.columns);
  }
  const std::int64_t panels = (weight.rows + kPanelRows - 1) / kPanelRows;
  parallel_for(panels, kPanelRows * weight.columns * tokens, [&](std::int64_t index) {
    thread_local AlignedVector<float> scratch;
    const std::int64_t begin = index * kPanelRows;
    const Matrix panel = weight.row_range(begin, std::min(begin + kPanelRows, weight.rows));
    const float* values = as_floats(panel, scratch);
    if (tokens == 1) {
      blas::multiply_vector(panel.rows, panel.columns, values, x.data(), y.data() + begin);
    } else {
      blas::multiply({tokens, panel.rows, panel.columns}, 1.0F, {x.data(), weight.columns},
                     blas::transposed({values, weight.columns}), 0.0F,
                     {y.data() + begin, weight.rows});
    }
  });
}

}  // namespace lightmamba

#include "model/matrix.h"

#include <algorithm>
#include <array>
#include <cstdint>

#include "base/buffer.h"
#include "base/fail.h"
#include "base/threads.h"
#include "model/blas.h"

namespace lightmamba {
namespace {

// The number of rows of a weight that one task multiplies: enough that their floats fill much of
// the second-level cache at the widest inputs.
constexpr std::int64_t kPanelRows = 64;

// Each task packs all inputs again, a cost that grows with the tokens and needs more rows to make
// up for it; but threads need several tasks to share. The number depends on the shape alone, so
// that the order of every sum is fixed.
std::int64_t panel_rows(std::int64_t rows, std::int64_t tokens) {
  constexpr std::int64_t kManyTokens = 256;
  constexpr std::int64_t kTasks = 4;
  constexpr std::int64_t kVector = 16;
  if (tokens < kManyTokens) return kPanelRows;
  return std::clamp((rows / kTasks + kVector - 1) / kVector * kVector, kPanelRows, 4 * kPanelRows);
}

constexpr auto kScaleBytes = static_cast<std::int64_t>(sizeof(std::uint16_t));

// Returns the rows as floats: in place if they are stored so, else widened into `scratch`.
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

// Converts a row of codes to floats.
void codes_to_float(const Matrix& matrix, std::int64_t row, float* out) {
  const CodeFormat& format = matrix.codes;
  const std::int64_t block = row / CodeFormat::kBlockRows;
  const std::int64_t lane = row % CodeFormat::kBlockRows;
  const std::byte* codes =
      matrix.data + block * format.block_bytes(matrix.columns) + lane * CodeFormat::kRowBytes;
  const std::byte* scales =
      matrix.scales + (block * format.block_scales(matrix.columns) + lane) * kScaleBytes;
  const std::int64_t unit_columns = format.unit_columns();
  std::array<std::int8_t, 256> part;
  for (std::int64_t begin = 0; begin < matrix.columns; begin += format.group) {
    float scale = 0;
    to_float(DType::f16, scales, {&scale, 1});
    scales += CodeFormat::kBlockRows * kScaleBytes;
    const std::int64_t end = std::min(begin + format.group, matrix.columns);
    for (std::int64_t column = begin; column < end; column += std::ssize(part)) {
      const auto count = static_cast<std::size_t>(std::min(std::ssize(part), end - column));
      format.unpack(codes + column / unit_columns * CodeFormat::kUnitBytes,
                    std::span(part).first(count));
      for (std::size_t i = 0; i < count; ++i) {
        out[static_cast<std::size_t>(column) + i] = static_cast<float>(part[i]) * scale;
      }
    }
  }
}

}  // namespace

std::size_t Matrix::bytes() const {
  if (!is_quantized()) return static_cast<std::size_t>(rows) * row_bytes(*this);
  const std::int64_t blocks =
      CodeFormat::blocks(first_row + rows) - first_row / CodeFormat::kBlockRows;
  return static_cast<std::size_t>(
      blocks * (codes.block_bytes(columns) + codes.block_scales(columns) * kScaleBytes));
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
  for (std::int64_t row = 0; row < rows; ++row) {
    codes_to_float(*this, first_row + row, out.data() + row * columns);
  }
}

void linear(const Matrix& weight, std::int64_t tokens, std::span<const float> x, std::span<float> y,
            Split split) {
  if (std::ssize(x) != tokens * weight.columns || std::ssize(y) != tokens * weight.rows) {
    fail("linear: {} inputs and {} outputs do not fit {} tokens of a {} x {} matrix", x.size(),
         y.size(), tokens, weight.rows, weight.columns);
  }
  const std::int64_t step = split == Split::none ? weight.rows : panel_rows(weight.rows, tokens);
  parallel_for(
      (weight.rows + step - 1) / step, step * weight.columns * tokens, [&](std::int64_t index) {
        thread_local AlignedVector<float> scratch;
        const std::int64_t begin = index * step;
        const Matrix panel = weight.row_range(begin, std::min(begin + step, weight.rows));
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

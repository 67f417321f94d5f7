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

std::size_t row_bytes(const Matrix& matrix) {
  if (matrix.is_quantized())
    return static_cast<std::size_t>(matrix.codes.row_bytes(matrix.columns));
  return static_cast<std::size_t>(matrix.columns) * dtype_size(matrix.dtype);
}

const std::byte* row_scales(const Matrix& matrix, std::int64_t index) {
  return matrix.scales + static_cast<std::size_t>(index * matrix.codes.groups(matrix.columns)) *
                             dtype_size(DType::f16);
}

// The rows as floats: in place where they are stored so, else widened into `scratch`.
const float* as_floats(const Matrix& panel, AlignedVector<float>& scratch) {
  const bool aligned = reinterpret_cast<std::uintptr_t>(panel.data) % alignof(float) == 0;
  if (!panel.is_quantized() && panel.dtype == DType::f32 && aligned) {
    return reinterpret_cast<const float*>(panel.data);
  }
  const auto columns = static_cast<std::size_t>(panel.columns);
  scratch.resize(static_cast<std::size_t>(panel.rows) * columns);
  for (std::int64_t row = 0; row < panel.rows; ++row) {
    panel.row_to_float(
        row, std::span(scratch).subspan(static_cast<std::size_t>(row) * columns, columns));
  }
  return scratch.data();
}

void codes_to_float(int bits, const std::byte* codes, std::int64_t first, float scale,
                    std::span<float> out) {
  if (bits == 8) {
    const auto* bytes = reinterpret_cast<const std::int8_t*>(codes) + first;
    for (std::size_t i = 0; i < out.size(); ++i) out[i] = static_cast<float>(bytes[i]) * scale;
    return;
  }
  for (std::size_t i = 0; i < out.size(); ++i) {
    const auto column = static_cast<std::size_t>(first) + i;
    const auto byte = std::to_integer<unsigned>(codes[column / 2]);
    const unsigned nibble = column % 2 == 0 ? byte & 15U : byte >> 4U;
    out[i] = static_cast<float>(static_cast<int>(nibble ^ 8U) - 8) * scale;
  }
}

}  // namespace

const std::byte* Matrix::row(std::int64_t index) const {
  return data + static_cast<std::size_t>(index) * row_bytes(*this);
}

std::size_t Matrix::bytes() const {
  const std::int64_t scale_count = is_quantized() ? rows * codes.groups(columns) : 0;
  return static_cast<std::size_t>(rows) * row_bytes(*this) +
         static_cast<std::size_t>(scale_count) * dtype_size(DType::f16);
}

Matrix Matrix::row_range(std::int64_t begin, std::int64_t end) const {
  Matrix part = *this;
  part.rows = end - begin;
  part.data = row(begin);
  if (is_quantized()) part.scales = row_scales(*this, begin);
  return part;
}

void Matrix::row_to_float(std::int64_t index, std::span<float> out) const {
  if (!is_quantized()) return to_float(dtype, row(index), out);
  const std::byte* stored_scale = row_scales(*this, index);
  for (std::int64_t begin = 0; begin < columns; begin += codes.group) {
    float scale = 0;
    to_float(DType::f16, stored_scale, {&scale, 1});
    stored_scale += dtype_size(DType::f16);
    codes_to_float(codes.bits, row(index), begin, scale,
                   out.subspan(static_cast<std::size_t>(begin),
                               static_cast<std::size_t>(std::min(codes.group, columns - begin))));
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

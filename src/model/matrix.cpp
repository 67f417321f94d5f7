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

// The rows as floats: in place where they are stored so, else widened into `scratch`.
const float* as_floats(const Matrix& panel, AlignedVector<float>& scratch) {
  const bool aligned = reinterpret_cast<std::uintptr_t>(panel.data) % alignof(float) == 0;
  if (panel.dtype == DType::f32 && aligned) return reinterpret_cast<const float*>(panel.data);
  scratch.resize(static_cast<std::size_t>(panel.rows * panel.columns));
  to_float(panel.dtype, panel.data, scratch);
  return scratch.data();
}

}  // namespace

const std::byte* Matrix::row(std::int64_t index) const {
  return data + static_cast<std::size_t>(index * columns) * dtype_size(dtype);
}

Matrix Matrix::row_range(std::int64_t begin, std::int64_t end) const {
  return {dtype, end - begin, columns, row(begin), owner};
}

void Matrix::row_to_float(std::int64_t index, std::span<float> out) const {
  to_float(dtype, row(index), out);
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

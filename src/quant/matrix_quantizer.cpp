#include "quant/matrix_quantizer.h"

#include <algorithm>
#include <fmt/format.h>
#include <utility>

#include "base/fail.h"
#include "base/threads.h"
#include "quant/gptq.h"

namespace lightmamba {
namespace {

template <typename T>
std::span<T> row_of(std::span<T> values, std::int64_t row, std::int64_t columns) {
  return values.subspan(static_cast<std::size_t>(row * columns), static_cast<std::size_t>(columns));
}

}  // namespace

AlignedVector<float> widened(const Matrix& matrix) {
  AlignedVector<float> values(static_cast<std::size_t>(matrix.rows * matrix.columns));
  parallel_for(matrix.rows, matrix.columns, [&](std::int64_t row) {
    matrix.row_to_float(row, row_of(std::span(values), row, matrix.columns));
  });
  return values;
}

QuantizedMatrix MatrixQuantizer::by_rows(const std::string& name, const Matrix& matrix,
                                         const std::function<void(std::span<float>)>& prepare) {
  constexpr std::int64_t kRows = 4096;
  QuantizedMatrix codes(matrix.rows, matrix.columns, {options_.head_bits, options_.group});
  SquaredError error;
  for (std::int64_t begin = 0; begin < matrix.rows; begin += kRows) {
    const std::int64_t end = std::min(begin + kRows, matrix.rows);
    AlignedVector<float> rows = widened(matrix.row_range(begin, end));
    prepare(rows);
    round_rows(name, rows, begin, codes);
    error += squared_error(rows, codes.matrix().row_range(begin, end));
  }
  errors_.push_back({name, error.relative()});
  return codes;
}

QuantizedMatrix MatrixQuantizer::plain(const std::string& name, std::span<const float> weights,
                                       std::int64_t columns) {
  QuantizedMatrix codes = empty_linear(weights.size(), columns);
  round_rows(name, weights, 0, codes);
  errors_.push_back({name, squared_error(weights, codes.matrix()).relative()});
  return codes;
}

QuantizedMatrix MatrixQuantizer::compensated(const std::string& name, std::span<float> weights,
                                             std::int64_t columns, const GptqSums& sums) {
  QuantizedMatrix out = empty_linear(weights.size(), columns);
  const AlignedVector<float> exact(weights.begin(), weights.end());
  const int bits = out.format.bits;
  const std::int64_t groups = out.format.groups(columns);
  std::vector<std::int8_t> codes(weights.size());
  std::vector<float> scales(static_cast<std::size_t>(out.rows * groups));
  with_context(fmt::format("tensor '{}'", name), [&] {
    gptq(
        weights, out.rows, columns, sums.hessian, sums.products,
        {.group = options_.group,
         .lowest = lowest_code(bits, rule()),
         .highest = (1 << (bits - 1)) - 1},
        [&](std::span<const float> group, std::span<const float> importance) {
          return group_scale(group, importance, bits, rule());
        },
        codes, scales);
  });
  parallel_for(out.rows, columns, [&](std::int64_t row) {
    out.set_row(row, row_of<const std::int8_t>(codes, row, columns),
                row_of<const float>(scales, row, groups));
  });
  errors_.push_back({name, squared_error(exact, out.matrix()).relative()});
  return out;
}

QuantizedMatrix MatrixQuantizer::empty_linear(std::size_t elements, std::int64_t columns) const {
  return {static_cast<std::int64_t>(elements) / columns,
          columns,
          {options_.scheme.weight_bits, options_.group}};
}

void MatrixQuantizer::round_rows(const std::string& name, std::span<const float> weights,
                                 std::int64_t first_row, QuantizedMatrix& codes) const {
  const std::int64_t columns = codes.columns;
  with_context(fmt::format("tensor '{}'", name), [&] {
    parallel_for(std::ssize(weights) / columns, 100 * columns, [&](std::int64_t row) {
      quantize_row(row_of(weights, row, columns), rule(), first_row + row, codes);
    });
  });
}

}  // namespace lightmamba

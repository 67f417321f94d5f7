#include "quant/pack.h"

#include <algorithm>
#include <cmath>
#include <vector>

#include "base/dtype.h"
#include "base/threads.h"
#include "quant/scale_search.h"

namespace lightmamba {

QuantizedMatrix::QuantizedMatrix(std::int64_t row_count, std::int64_t column_count,
                                 const CodeFormat& code_format)
    : rows(row_count),
      columns(column_count),
      format(code_format),
      codes(std::make_shared<AlignedVector<std::byte>>(
          element_count(code_shape(rows, columns, format), DType::u8), format.zeros())),
      scales(std::make_shared<AlignedVector<std::uint16_t>>(
          element_count(scale_shape(rows, columns, format), DType::f16))) {}

Matrix QuantizedMatrix::matrix() const {
  return {.rows = rows,
          .columns = columns,
          .data = codes->data(),
          .owner = codes,
          .codes = format,
          .scales = reinterpret_cast<const std::byte*>(scales->data()),
          .scales_owner = scales};
}

Tensor QuantizedMatrix::code_tensor() const {
  return {DType::u8, code_shape(rows, columns, format), *codes, codes};
}

Tensor QuantizedMatrix::scale_tensor() const {
  return {DType::f16, scale_shape(rows, columns, format), std::as_bytes(std::span(*scales)),
          scales};
}

void QuantizedMatrix::set_row(std::int64_t row, std::span<const std::int8_t> row_codes,
                              std::span<const float> row_scales) {
  const std::int64_t block = row / CodeFormat::kBlockRows;
  const std::int64_t lane = row % CodeFormat::kBlockRows;
  format.pack(row_codes,
              codes->data() + block * format.block_bytes(columns) + lane * CodeFormat::kRowBytes);
  std::uint16_t* scale = scales->data() + block * format.block_scales(columns) + lane;
  for (std::size_t i = 0; i < row_scales.size(); ++i) {
    scale[static_cast<std::int64_t>(i) * CodeFormat::kBlockRows] = float_to_half(row_scales[i]);
  }
}

Shape code_shape(std::int64_t rows, std::int64_t columns, const CodeFormat& format) {
  return {CodeFormat::blocks(rows), format.units(columns), CodeFormat::kBlockRows,
          CodeFormat::kRowBytes};
}

Shape scale_shape(std::int64_t rows, std::int64_t columns, const CodeFormat& format) {
  return {CodeFormat::blocks(rows), format.groups(columns), CodeFormat::kBlockRows};
}

int lowest_code(int bits, ScaleRule rule) {
  const int half = 1 << (bits - 1);
  return rule == ScaleRule::mse ? -half : 1 - half;
}

float group_scale(std::span<const float> weights, std::span<const float> importance, int bits,
                  ScaleRule rule) {
  return rule == ScaleRule::mse ? mse_scale(weights, importance, bits)
                                : absmax_scale(weights, bits);
}

void quantize_row(std::span<const float> weights, ScaleRule rule, std::int64_t row,
                  QuantizedMatrix& out) {
  const int bits = out.format.bits;
  std::vector<std::int8_t> codes(weights.size());
  std::vector<float> scales;
  const auto group = static_cast<std::size_t>(out.format.group);
  for (std::size_t begin = 0; begin < weights.size(); begin += group) {
    const std::size_t size = std::min(group, weights.size() - begin);
    const std::span part = weights.subspan(begin, size);
    scales.push_back(group_scale(part, {}, bits, rule));
    round_to_codes(part, scales.back(), lowest_code(bits, rule), (1 << (bits - 1)) - 1,
                   std::span(codes).subspan(begin, size));
  }
  out.set_row(row, codes, scales);
}

SquaredError& SquaredError::operator+=(const SquaredError& other) {
  difference += other.difference;
  square += other.square;
  return *this;
}

double SquaredError::relative() const { return square > 0 ? std::sqrt(difference / square) : 0.0; }

SquaredError squared_error(std::span<const float> weights, const Matrix& quantized) {
  const std::int64_t columns = quantized.columns;
  std::vector<SquaredError> rows(static_cast<std::size_t>(quantized.rows));
  parallel_for(quantized.rows, 4 * columns, [&](std::int64_t row) {
    AlignedVector<float> values(static_cast<std::size_t>(columns));
    quantized.row_to_float(row, values);
    SquaredError& sums = rows[static_cast<std::size_t>(row)];
    const float* exact = weights.data() + row * columns;
    for (std::size_t i = 0; i < values.size(); ++i) {
      const auto value = static_cast<double>(exact[i]);
      const double difference = value - static_cast<double>(values[i]);
      sums.difference += difference * difference;
      sums.square += value * value;
    }
  });
  SquaredError total;
  for (const SquaredError& row : rows) total += row;
  return total;
}

}  // namespace lightmamba

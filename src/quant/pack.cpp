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
          static_cast<std::size_t>(rows * format.row_bytes(columns)))),
      scales(std::make_shared<AlignedVector<std::uint16_t>>(
          static_cast<std::size_t>(rows * format.groups(columns)))) {}

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
  return {code_dtype(format), code_shape(rows, columns, format), *codes, codes};
}

Tensor QuantizedMatrix::scale_tensor() const {
  return {DType::f16, {rows, format.groups(columns)}, std::as_bytes(std::span(*scales)), scales};
}

void QuantizedMatrix::set_row(std::int64_t row, std::span<const std::int8_t> row_codes,
                              std::span<const float> row_scales) {
  std::uint16_t* scale = scales->data() + row * format.groups(columns);
  for (const float value : row_scales) *scale++ = float_to_half(value);
  std::byte* out = codes->data() + row * format.row_bytes(columns);
  if (format.bits == 8) {
    std::transform(row_codes.begin(), row_codes.end(), out,
                   [](std::int8_t code) { return static_cast<std::byte>(code); });
    return;
  }
  for (std::size_t i = 0; i < row_codes.size(); i += 2) {
    const auto low = static_cast<unsigned>(row_codes[i]) & 15U;
    const auto high = i + 1 < row_codes.size() ? static_cast<unsigned>(row_codes[i + 1]) & 15U : 0U;
    *out++ = static_cast<std::byte>(low | high << 4U);
  }
}

Shape code_shape(std::int64_t rows, std::int64_t columns, const CodeFormat& format) {
  return {rows, format.row_bytes(columns)};
}

DType code_dtype(const CodeFormat& format) { return format.bits == 8 ? DType::i8 : DType::u8; }

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

// Weight matrices as integer codes.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>

#include "base/buffer.h"
#include "io/tensor.h"
#include "model/matrix.h"

namespace lightmamba {

// Codes and scales of a matrix, in the layout of CodeFormat. Copies share the data.
struct QuantizedMatrix {
  std::int64_t rows = 0;
  std::int64_t columns = 0;
  CodeFormat format = {};
  std::shared_ptr<AlignedVector<std::byte>> codes;       // code_shape()
  std::shared_ptr<AlignedVector<std::uint16_t>> scales;  // binary16, scale_shape()

  QuantizedMatrix(std::int64_t rows, std::int64_t columns, const CodeFormat& format);

  Matrix matrix() const;
  Tensor code_tensor() const;   // U8
  Tensor scale_tensor() const;  // F16
  // Puts the codes and scales of one row in place.
  void set_row(std::int64_t row, std::span<const std::int8_t> row_codes,
               std::span<const float> row_scales);
};

Shape code_shape(std::int64_t rows, std::int64_t columns, const CodeFormat& format);
Shape scale_shape(std::int64_t rows, std::int64_t columns, const CodeFormat& format);

// absmax: codes up to +-c with c = 2^(bits-1) - 1, scale = max|w| / c. mse: the scale of least
// squared error over all 2^bits codes, see scale_search.h.
enum class ScaleRule { absmax, mse };

// Returns the lowest code of a rule; the highest is 2^(bits-1) - 1 under both.
int lowest_code(int bits, ScaleRule rule);
// Returns the scale for the weights of a group; `importance` weights their errors and may be empty.
float group_scale(std::span<const float> weights, std::span<const float> importance, int bits,
                  ScaleRule rule);

// Rounds one row to the nearest codes. Safe to call for different rows from several threads.
void quantize_row(std::span<const float> weights, ScaleRule rule, std::int64_t row,
                  QuantizedMatrix& out);

// The distance of codes from the weights that they stand for.
struct SquaredError {
  double difference = 0;  // sum of squared differences
  double square = 0;      // sum of the weights' squares

  SquaredError& operator+=(const SquaredError& other);
  double relative() const;  // sqrt(difference / square)
};
SquaredError squared_error(std::span<const float> weights, const Matrix& quantized);

}  // namespace lightmamba

// Rounds the large matrices of a model to codes.
#pragma once

#include <cstdint>
#include <functional>
#include <span>
#include <string>
#include <vector>

#include <lightmamba/quantize.h>

#include "base/buffer.h"
#include "quant/gptq_sums.h"
#include "quant/pack.h"

namespace lightmamba {

// Returns the values of a matrix as floats that can be changed.
AlignedVector<float> widened(const Matrix& matrix);

// Rounds matrices by one set of options and records the error of each. Exceptions name the matrix.
class MatrixQuantizer {
 public:
  explicit MatrixQuantizer(const QuantizeOptions& options) : options_(options) {}

  // Rounds an embedding or LM head, a few rows at a time. `prepare` changes rows in place before
  // they are rounded.
  QuantizedMatrix by_rows(const std::string& name, const Matrix& matrix,
                          const std::function<void(std::span<float>)>& prepare);
  // Rounds the weight of a linear layer, each value independently.
  QuantizedMatrix plain(const std::string& name, std::span<const float> weights,
                        std::int64_t columns);
  // Does the same by GPTQ: `weights` become the values of their codes.
  QuantizedMatrix compensated(const std::string& name, std::span<float> weights,
                              std::int64_t columns, const GptqSums& sums);

  std::vector<TensorError> take_errors() { return std::move(errors_); }

 private:
  ScaleRule rule() const { return options_.clip ? ScaleRule::mse : ScaleRule::absmax; }
  QuantizedMatrix empty_linear(std::size_t elements, std::int64_t columns) const;
  void round_rows(const std::string& name, std::span<const float> weights, std::int64_t first_row,
                  QuantizedMatrix& codes) const;

  const QuantizeOptions& options_;
  std::vector<TensorError> errors_;
};

}  // namespace lightmamba

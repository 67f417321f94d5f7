// Rounds a matrix column by column so that later columns compensate for the error of earlier ones:
// GPTQ, Frantar, Ashkboos, Hoefler, Alistarh, arXiv 2210.17323.
#pragma once

#include <cstdint>
#include <functional>
#include <span>

#include "base/buffer.h"

namespace lightmamba {

// Sums x xᵀ over the inputs x of a linear layer, with the same bytes at any number of threads.
class HessianAccumulator {
 public:
  explicit HessianAccumulator(std::int64_t columns);

  // `rows` is row-major [tokens, columns]. Throws Error if it is not a whole number of rows.
  void add(std::span<const float> rows);

  std::int64_t tokens() const { return tokens_; }
  std::span<const float> matrix();  // [columns, columns], symmetric; valid until the next add

 private:
  std::int64_t columns_;
  std::int64_t tokens_ = 0;
  AlignedVector<float> sums_;  // up to date on and above the diagonal
};

// Chooses the scale for the weights of one row in one group of columns, after compensation.
// `importance` is the diagonal of the Hessian at these columns. Called from several threads. A zero
// scale gives zero codes.
using ScaleFn =
    std::function<float(std::span<const float> group_weights, std::span<const float> importance)>;

struct GptqOptions {
  std::int64_t group;  // columns that share a scale; the last group may be narrower
  int lowest;          // codes, within those of an int8
  int highest;
  double damping = 0.01;  // added to the diagonal, relative to its mean
};

// Sums d xᵀ over the inputs x of a layer and other values d of the same tokens, with the same bytes
// at any number of threads. `values` is row-major [tokens, rows], `inputs` [tokens, columns];
// returns [rows, columns]. Throws Error if they are not the same number of whole rows.
AlignedVector<float> cross_products(std::span<const float> values, std::int64_t rows,
                                    std::span<const float> inputs, std::int64_t columns);

// Adds factor W M to `products`, for W [rows, columns] and M [columns, columns], all row-major.
// Throws Error if a size is wrong.
void add_product(float factor, std::span<const float> weights, std::span<const float> matrix,
                 std::int64_t columns, std::span<float> products);

// Rounds W of y = W x, row-major [rows, columns], so that the sum of |(W - Ŵ) x|² is small, where
// `hessian` is the sum of x xᵀ, [columns, columns]; only its upper triangle is read. On return W
// holds codes * scale, `codes` is [rows, columns] and `scales` is [rows, ceil(columns / group)].
//
// With `products`, the sum of e xᵀ where e = y* - W x for the wanted output y*, (sum e xᵀ) H⁻¹ is
// first added to W, so that the sum of |y* - Ŵ x|² becomes small instead. With the outputs of the
// float model for y* and rounded inputs for x, this also compensates for the rounding of
// activations and of earlier layers (Li et al., "GPTAQ", arXiv 2504.02692).
//
// A column whose inputs were all zero is rounded without compensation. Throws Error if a size is
// wrong, or the damped Hessian is not finite and positive definite. Needs 12 bytes per element of
// the Hessian.
void gptq(std::span<float> weights, std::int64_t rows, std::int64_t columns,
          std::span<const float> hessian, std::span<const float> products,
          const GptqOptions& options, const ScaleFn& scale_of, std::span<std::int8_t> codes,
          std::span<float> scales);

}  // namespace lightmamba

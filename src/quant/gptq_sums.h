// What GPTQ needs to know of the tokens that pass a linear layer y = W x, as sums over them.
#pragma once

#include <cstdint>
#include <span>

#include "base/buffer.h"

namespace lightmamba {

// Over the inputs x of the layer as they will be and the errors e = y* - W x of its outputs, where
// y* is the output that is wanted: see gptq().
struct GptqSums {
  AlignedVector<float> hessian;   // of x xᵀ [columns, columns]
  AlignedVector<float> products;  // of e xᵀ [rows, columns]
};

// `weights` W is [rows, columns], `inputs` x [tokens, columns], all row-major. Both throw Error if
// sizes do not agree, and give the same bytes at any number of threads.

// For y* = W x* with other inputs x* [tokens, columns]: sum e xᵀ = W sum (x* - x) xᵀ, without the
// outputs of any token. Uses up `exact`.
GptqSums sums_for_inputs(std::span<const float> weights, std::int64_t columns,
                         std::span<const float> inputs, AlignedVector<float> exact);

// For y* itself [tokens, rows]: sum e xᵀ = sum y* xᵀ - W sum x xᵀ.
GptqSums sums_for_outputs(std::span<const float> weights, std::int64_t columns,
                          std::span<const float> inputs, std::span<const float> wanted);

}  // namespace lightmamba

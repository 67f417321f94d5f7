// The sums over tokens that GPTQ needs for a linear layer y = W x.
#pragma once

#include <cstdint>
#include <span>

#include "base/buffer.h"

namespace lightmamba {

// Sums over the inputs x that the rounded layer will have and the errors e = y* - W x of its
// outputs, where y* is the wanted output: see gptq().
struct GptqSums {
  AlignedVector<float> hessian;   // sum of x xᵀ [columns, columns]
  AlignedVector<float> products;  // sum of e xᵀ [rows, columns]
};

// `weights` W is [rows, columns], `inputs` x [tokens, columns], all row-major. Both throw Error if
// sizes do not agree, and give the same bytes at any number of threads.

// For y* = W x* with other inputs x* [tokens, columns]: sum e xᵀ = W sum (x* - x) xᵀ, without the
// outputs of any token. It uses the memory of `exact`.
GptqSums sums_for_inputs(std::span<const float> weights, std::int64_t columns,
                         std::span<const float> inputs, AlignedVector<float> exact);

// For y* itself [tokens, rows]: sum e xᵀ = sum y* xᵀ - W sum x xᵀ.
GptqSums sums_for_outputs(std::span<const float> weights, std::int64_t columns,
                          std::span<const float> inputs, std::span<const float> wanted);

}  // namespace lightmamba

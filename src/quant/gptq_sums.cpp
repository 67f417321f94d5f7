#include "quant/gptq_sums.h"

#include "base/fail.h"
#include "quant/gptq.h"

namespace lightmamba {
namespace {

AlignedVector<float> hessian_of(std::span<const float> inputs, std::int64_t columns) {
  HessianAccumulator sums(columns);
  sums.add(inputs);
  const std::span<const float> matrix = sums.matrix();
  return {matrix.begin(), matrix.end()};
}

}  // namespace

GptqSums sums_for_inputs(std::span<const float> weights, std::int64_t columns,
                         std::span<const float> inputs, AlignedVector<float> exact) {
  if (exact.size() != inputs.size()) {
    fail("gptq: {} inputs, but {} of the float model", inputs.size(), exact.size());
  }
  // The difference is taken first, since the difference of the two sums would lose its digits.
  for (std::size_t i = 0; i < exact.size(); ++i) exact[i] -= inputs[i];
  const AlignedVector<float> moved = cross_products(exact, columns, inputs, columns);
  GptqSums sums{hessian_of(inputs, columns), AlignedVector<float>(weights.size())};
  add_product(1.0F, weights, moved, columns, sums.products);
  return sums;
}

GptqSums sums_for_outputs(std::span<const float> weights, std::int64_t columns,
                          std::span<const float> inputs, std::span<const float> wanted) {
  const std::int64_t rows = std::ssize(weights) / columns;
  GptqSums sums{hessian_of(inputs, columns), cross_products(wanted, rows, inputs, columns)};
  add_product(-1.0F, weights, sums.hessian, columns, sums.products);
  return sums;
}

}  // namespace lightmamba

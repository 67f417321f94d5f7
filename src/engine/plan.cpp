#include "engine/plan.h"

#include <fmt/format.h>
#include <string>

#include "base/fail.h"
#include "kernels/elements.h"
#include "quant/hadamard.h"

namespace lightmamba {
namespace {

RowQuantizer row_quantizer(const Quantizer& quantizer) {
  return {quantizer.bits, quantizer.full_range, quantizer.clip};
}

RotationPlan make_rotation_plan(std::int64_t d_inner) {
  const std::int64_t order = rotation_order(d_inner);
  const HadamardShape shape = hadamard_shape(order);
  const std::vector<std::int8_t> matrix = hadamard_matrix(shape.m);
  return {order, shape.m, shape.n, signs_between_steps(d_inner), {matrix.begin(), matrix.end()}};
}

}  // namespace

std::optional<std::string> unsupported_reason(const Weights& weights) {
  if (!weights.quantization) return "the weights are floats";
  const Scheme& scheme = weights.quantization->scheme;
  if (scheme.activation_bits > 8) {
    return fmt::format("activations have {} bits", scheme.activation_bits);
  }
  if (weights.config.d_state > kLargestDState) {
    return fmt::format("d_state is {}", weights.config.d_state);
  }
  return {};
}

Plan make_plan(const Weights& weights) {
  if (const auto reason = unsupported_reason(weights)) {
    fail("the engine cannot run this model: {}", *reason);
  }
  const Mamba2Config& config = weights.config;
  const RoundingPlan rounding = rounding_plan(config, *weights.quantization, weights.clips);
  Plan plan{&weights,    {}, {}, packed_weights(weights.head), row_quantizer(*rounding.head_input),
            rounding.ssm};
  if (rounding.rotates) plan.rotation = make_rotation_plan(config.d_inner);
  for (std::size_t layer = 0; layer < weights.layers.size(); ++layer) {
    const LayerWeights& w = weights.layers[layer];
    LayerPlan& part = plan.layers.emplace_back(
        LayerPlan{&w, packed_weights(w.in_proj), packed_weights(w.out_proj),
                  row_quantizer(*rounding.layers[layer].in_proj_input),
                  row_quantizer(*rounding.layers[layer].out_proj_input),
                  AlignedVector<float>(w.conv1d.size())});
    transpose_conv_weights(w.conv1d.data(), config.conv_dim(), config.d_conv, part.conv.data());
  }
  return plan;
}

}  // namespace lightmamba

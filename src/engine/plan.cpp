#include "engine/plan.h"

#include <fmt/format.h>
#include <string>

#include "base/fail.h"
#include "kernels/elements.h"
#include "quant/hadamard.h"
#include "quant/numerics.h"

namespace lightmamba {
namespace {

RowQuantizer row_quantizer(const Quantization& q, int bits, float clip) {
  const Quantizer quantizer = activation_quantizer(bits, q.group, q.clip, clip);
  return {quantizer.bits, quantizer.full_range, quantizer.clip};
}

RotationPlan make_rotation_plan(std::int64_t d_inner) {
  const std::int64_t order = rotation_order(d_inner);
  const HadamardShape shape = hadamard_shape(order);
  const std::vector<std::int8_t> matrix = hadamard_matrix(shape.m);
  return {order, shape.m, shape.n, signs_between_steps(d_inner), {matrix.begin(), matrix.end()}};
}

}  // namespace

std::optional<std::string> not_supported(const Weights& weights) {
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
  if (const auto reason = not_supported(weights)) {
    fail("the engine cannot run this model: {}", *reason);
  }
  const Mamba2Config& config = weights.config;
  const Quantization& q = *weights.quantization;
  Plan plan{&weights, {}, {}, packed_weights(weights.head), {}, q.ssm == SsmFormat::pot8};
  plan.head_input = row_quantizer(q, head_activation_bits(q), weights.clips.back());
  if (q.method == Method::lightmamba) plan.rotation = make_rotation_plan(config.d_inner);
  for (std::size_t layer = 0; layer < weights.layers.size(); ++layer) {
    const LayerWeights& w = weights.layers[layer];
    LayerPlan& part = plan.layers.emplace_back(
        LayerPlan{&w, packed_weights(w.in_proj), packed_weights(w.out_proj),
                  row_quantizer(q, q.scheme.activation_bits, weights.clips[2 * layer]),
                  row_quantizer(q, q.scheme.activation_bits, weights.clips[2 * layer + 1]),
                  AlignedVector<float>(w.conv1d.size())});
    transpose_conv_weights(w.conv1d.data(), config.conv_dim(), config.d_conv, part.conv.data());
  }
  return plan;
}

}  // namespace lightmamba

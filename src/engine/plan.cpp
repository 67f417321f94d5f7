#include "engine/plan.h"

#include <algorithm>
#include <fmt/format.h>
#include <span>
#include <string>

#include "base/fail.h"
#include "base/file.h"
#include "base/threads.h"
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

std::span<const std::byte> code_bytes(const PackedWeights& w) {
  return {reinterpret_cast<const std::byte*>(w.codes),
          static_cast<std::size_t>(CodeFormat::blocks(w.rows) * w.format.block_bytes(w.columns))};
}

std::span<const std::byte> scale_bytes(const PackedWeights& w) {
  return std::as_bytes(std::span(
      w.scales,
      static_cast<std::size_t>(CodeFormat::blocks(w.rows) * w.format.block_scales(w.columns))));
}

// In the order of use, so that the reads of a token go through memory from front to back.
void copy_mapped_weights(Plan& plan) {
  std::vector<PackedWeights*> matrices;
  matrices.reserve(2 * plan.layers.size() + 1);
  for (LayerPlan& layer : plan.layers) {
    matrices.push_back(&layer.in_proj);
    matrices.push_back(&layer.out_proj);
  }
  matrices.push_back(&plan.head);
  const auto padded = [](std::span<const std::byte> bytes) {
    return (bytes.size() + kCacheLine - 1) / kCacheLine * kCacheLine;
  };
  std::vector<std::size_t> places;
  places.reserve(matrices.size());
  std::size_t size = 0;
  for (const PackedWeights* w : matrices) {
    if (!give_back_mapped_pages(code_bytes(*w))) return;
    places.push_back(size);
    size += padded(code_bytes(*w)) + padded(scale_bytes(*w));
  }
  plan.memory = LargeBuffer(size);
  parallel_for(std::ssize(matrices), std::int64_t{1} << 20, [&](std::int64_t i) {
    PackedWeights& w = *matrices[static_cast<std::size_t>(i)];
    std::byte* codes = plan.memory.bytes().data() + places[static_cast<std::size_t>(i)];
    std::byte* scales = codes + padded(code_bytes(w));
    std::ranges::copy(code_bytes(w), codes);
    std::ranges::copy(scale_bytes(w), scales);
    give_back_mapped_pages(code_bytes(w));
    give_back_mapped_pages(scale_bytes(w));
    w.codes = reinterpret_cast<const std::uint8_t*>(codes);
    w.scales = reinterpret_cast<const std::uint16_t*>(scales);
  });
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
  Plan plan{&weights, {}, {}, {}, packed_weights(weights.head), {}, q.ssm == SsmFormat::pot8};
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
  copy_mapped_weights(plan);
  return plan;
}

}  // namespace lightmamba

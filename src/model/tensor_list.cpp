#include "model/tensor_list.h"

#include <fmt/format.h>

namespace lightmamba {

std::string block_name(std::int64_t layer) { return fmt::format("backbone.layers.{}.", layer); }

std::array<BlockMatrix, 2> block_matrices(const Mamba2Config& c) {
  return {{{"mixer.in_proj.weight", c.d_in_proj(), c.d_model, &LayerWeights::in_proj},
           {"mixer.out_proj.weight", c.d_model, c.d_inner, &LayerWeights::out_proj}}};
}

std::vector<BlockVector> block_vectors(const Mamba2Config& c) {
  using enum Presence;
  return {{"norm.weight", {c.d_model}, &LayerWeights::norm},
          {kConvName, {c.conv_dim(), 1, c.d_conv}, &LayerWeights::conv1d},
          {"mixer.conv1d.bias", {c.conv_dim()}, &LayerWeights::conv1d_bias, conv_bias},
          {"mixer.dt_bias", {c.nheads}, &LayerWeights::dt_bias},
          {kAName, {c.nheads}, &LayerWeights::A},
          {"mixer.D", {c.nheads}, &LayerWeights::D},
          {"mixer.norm.weight", {c.d_inner}, &LayerWeights::gated_norm},
          {"norm.bias", {c.d_model}, &LayerWeights::norm_bias, offsets},
          {"mixer.norm.bias", {c.d_inner}, &LayerWeights::gated_norm_bias, offsets},
          {"mixer.in_proj.bias", {c.d_in_proj()}, &LayerWeights::in_proj_bias, offsets},
          {"mixer.out_proj.bias", {c.d_model}, &LayerWeights::out_proj_bias, offsets}};
}

std::vector<BlockVector> stored_vectors(const Mamba2Config& config,
                                        const std::optional<Quantization>& quantization) {
  std::vector<BlockVector> vectors = block_vectors(config);
  const bool has_offsets = quantization && quantization->method == Method::os_plus;
  std::erase_if(vectors, [&](const BlockVector& each) {
    return (each.presence == Presence::conv_bias && !config.conv_bias) ||
           (each.presence == Presence::offsets && !has_offsets);
  });
  return vectors;
}

}  // namespace lightmamba

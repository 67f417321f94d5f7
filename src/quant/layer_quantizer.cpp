#include "quant/layer_quantizer.h"

#include <string>
#include <utility>

#include "base/buffer.h"
#include "base/fail.h"
#include "model/tensor_list.h"
#include "quant/conv_weights.h"
#include "quant/gptq_sums.h"

namespace lightmamba {

void LayerQuantizer::find_clip(std::int64_t columns, std::span<const float> inputs) {
  parts_.clips.find(setup_.options.scheme.activation_bits, columns, inputs);
}

// With GPTQ the next layer sees rounded inputs, otherwise those of the float model.
void LayerQuantizer::round_inputs(std::int64_t columns, std::span<float> inputs) const {
  if (target_ == nullptr) return;
  parts_.clips.round(setup_.options.scheme.activation_bits, columns, inputs);
}

void LayerQuantizer::quantize_in_proj(const OpenLayer& open, std::int64_t layer,
                                      std::span<const float> inputs) {
  const std::string name = block_name(layer) + "mixer.in_proj.weight";
  const std::int64_t d_model = setup_.config.d_model;
  if (target_ == nullptr) {
    return parts_.writer.put_matrix(name, parts_.matrices.plain(name, *open.in_proj, d_model));
  }
  AlignedVector<float> exact = target_->in_proj_inputs(open.weights, layer);
  target_->advance(open.weights, layer, exact);
  const GptqSums sums = sums_for_inputs(*open.in_proj, d_model, inputs, std::move(exact));
  parts_.writer.put_matrix(name, parts_.matrices.compensated(name, *open.in_proj, d_model, sums));
}

void LayerQuantizer::quantize_out_proj(const OpenLayer& open, std::int64_t layer,
                                       std::span<const float> inputs) {
  const std::string name = block_name(layer) + "mixer.out_proj.weight";
  const std::int64_t d_inner = setup_.config.d_inner;
  if (target_ == nullptr) {
    return parts_.writer.put_matrix(name, parts_.matrices.plain(name, *open.out_proj, d_inner));
  }
  const GptqSums sums = sums_for_outputs(
      *open.out_proj, d_inner, inputs, target_->wanted_outputs(open.weights, stream_->residual()));
  parts_.writer.put_matrix(name, parts_.matrices.compensated(name, *open.out_proj, d_inner, sums));
}

// Returns no codes if the conv stays in float. With GPTQ `weights` take the values of the codes.
ConvCodes LayerQuantizer::quantize_conv_of(LayerWeights& weights) const {
  if (setup_.options.ssm != SsmFormat::pot8) return {};
  ConvCodes conv = quantize_conv(weights.conv1d, setup_.config.d_conv);
  if (target_ != nullptr) conv_to_float(conv.codes, conv.exponents, weights.conv1d);
  return conv;
}

void LayerQuantizer::quantize(LayerWeights weights, std::int64_t layer) {
  const Mamba2Config& config = setup_.config;
  const std::stop_token& stop = setup_.options.stop;
  OpenLayer open(std::move(weights));
  LayerWeights& w = open.weights;

  AlignedVector<float> inputs = prepare_in_proj(*setup_.method, stream_, open, layer);
  find_clip(config.d_model, inputs);
  round_inputs(config.d_model, inputs);
  throw_if_stopped(stop);
  AlignedVector<float> gated = prepare_out_proj(*setup_.method, stream_, open, layer, inputs);
  throw_if_stopped(stop);
  quantize_in_proj(open, layer, inputs);
  throw_if_stopped(stop);

  const ConvCodes conv = quantize_conv_of(w);
  AlignedVector<float> outputs;
  if (stream_ != nullptr) {
    // If GPTQ has changed in_proj and the conv, earlier inputs of the gated norm are out of date.
    if (gated.empty() || target_ != nullptr) gated = stream_->gated(w, layer, inputs);
    outputs = stream_->out_proj_inputs(w, layer, std::move(gated));
  }
  inputs = {};
  throw_if_stopped(stop);
  find_clip(config.d_inner, outputs);
  round_inputs(config.d_inner, outputs);
  quantize_out_proj(open, layer, outputs);
  throw_if_stopped(stop);
  if (stream_ != nullptr) {
    if (layer + 1 == config.n_layer) stream_->thin(outputs, config.d_inner);
    stream_->advance(w, layer, outputs);
  }
  parts_.writer.add_vectors(layer, w, conv);
}

}  // namespace lightmamba

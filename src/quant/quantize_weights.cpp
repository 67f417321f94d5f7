#include "quant/quantize_weights.h"

#include <cstdint>
#include <optional>

#include "base/buffer.h"
#include "base/fail.h"
#include "model/tensor_list.h"
#include "quant/activation_clips.h"
#include "quant/calibration.h"
#include "quant/float_target.h"
#include "quant/layer_quantizer.h"
#include "quant/layout_writer.h"
#include "quant/matrix_quantizer.h"
#include "quant/rounding_plan.h"
#include "quant/rounding_taps.h"

namespace lightmamba {
namespace {

// The taps inside the layers while text runs through them. The inputs of the linear layers are
// rounded elsewhere, and the rounding of the state is too small to matter here.
Taps stream_taps(const QuantizeSetup& setup) {
  if (!setup.options.gptq) return rotation_taps(setup.config, setup.rotates());
  Quantization unrounded = setup.quantization;
  unrounded.scheme.activation_bits = 16;
  unrounded.state = StateFormat::floating;
  const std::vector<float> clips(static_cast<std::size_t>(activation_sites(setup.config)), 1.0F);
  Taps taps = rounding_taps(setup.config, rounding_plan(setup.config, unrounded, clips));
  taps.set(Tap::head_input, {});
  return taps;
}

QuantizedMatrix quantize_embedding(const WeightSource& source, const QuantizeSetup& setup,
                                   MatrixQuantizer& matrices, LayoutWriter& writer) {
  QuantizedMatrix codes =
      matrices.by_rows(kEmbeddingName, source.embedding,
                       [&](std::span<float> rows) { setup.method->prepare_embedding(rows); });
  writer.put_matrix(kEmbeddingName, codes);
  return codes;
}

void quantize_lm_head(const WeightSource& source, const QuantizeSetup& setup,
                      MatrixQuantizer& matrices, LayoutWriter& writer) {
  writer.put_matrix(kHeadName, matrices.by_rows(kHeadName, source.head, [&](std::span<float> rows) {
    setup.method->prepare_head(source.norm_f, rows);
  }));
}

}  // namespace

std::vector<TensorError> quantize_weights(const WeightSource& source, const QuantizeSetup& setup,
                                          KnownResiduals* known, const PutNamedTensor& put) {
  const QuantizeOptions& options = setup.options;
  const Mamba2Config& config = setup.config;
  std::int64_t done = 0;
  const auto part_is_done = [&] {
    throw_if_stopped(options.stop);
    const std::int64_t parts = config.n_layer + (config.tie_embeddings ? 1 : 2);
    if (options.progress) options.progress(++done, parts);
  };
  MatrixQuantizer matrices(options);
  ActivationClips clips(options);
  LayoutWriter writer(config, setup.quantization, put);

  const QuantizedMatrix embedding = quantize_embedding(source, setup, matrices, writer);
  part_is_done();
  if (!config.tie_embeddings) {
    quantize_lm_head(source, setup, matrices, writer);
    part_is_done();
  }

  std::optional<CalibrationStream> stream;
  std::optional<FloatTarget> target;
  if (!setup.calibration.empty()) {
    const Vocabulary vocabulary(setup.calibration);
    stream.emplace(config, vocabulary, embedding_rows(embedding.matrix(), vocabulary),
                   options.calibration_window, stream_taps(setup));
    if (options.gptq) target.emplace(setup, vocabulary, source.embedding, known);
  }
  LayerQuantizer layers(setup, {matrices, clips, writer}, stream ? &*stream : nullptr,
                        target ? &*target : nullptr);
  for (std::int64_t layer = 0; layer < config.n_layer; ++layer) {
    layers.quantize(source.layer(layer), layer);
    part_is_done();
  }

  AlignedVector<float> norm_f = source.norm_f;
  setup.method->prepare_norm_f(norm_f);
  const int head_bits = head_activation_bits(setup.quantization);
  const bool looks_at_inputs = stream && clips.are_found(head_bits);
  clips.find(head_bits, config.d_model,
             looks_at_inputs ? stream->head_inputs(norm_f) : AlignedVector<float>());
  writer.finish(norm_f, clips.all());
  return matrices.take_errors();
}

}  // namespace lightmamba

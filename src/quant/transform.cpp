#include <cstdint>
#include <memory>
#include <optional>
#include <utility>

#include <lightmamba/quantize.h>

#include "base/buffer.h"
#include "base/fail.h"
#include "quant/calibration.h"
#include "quant/open_layer.h"
#include "quant/quantize_setup.h"
#include "quant/rounding_taps.h"
#include "quant/weight_source.h"

namespace lightmamba {
namespace {

// Returns the weights in float after the method's changes.
Weights transformed_weights(const WeightSource& source, const QuantizeSetup& setup) {
  const WeightMethod& method = *setup.method;
  Weights weights;
  weights.config = setup.config;
  const FloatBuffer embedding = shared_floats(source.embedding);
  method.prepare_embedding(*embedding);
  weights.embedding = float_matrix(embedding, setup.config.d_model);
  weights.head = weights.embedding;
  if (!setup.config.tie_embeddings) {
    const FloatBuffer head = shared_floats(source.head);
    method.prepare_head(source.norm_f, *head);
    weights.head = float_matrix(head, setup.config.d_model);
  }
  weights.norm_f = source.norm_f;
  method.prepare_norm_f(weights.norm_f);
  weights.numerics = rotation_taps(setup.config, setup.rotates());

  std::optional<CalibrationStream> stream;
  if (method.needs_statistics()) {
    const Vocabulary vocabulary(setup.calibration);
    stream.emplace(setup.config, vocabulary, embedding_rows(weights.embedding, vocabulary),
                   setup.options.calibration_window, weights.numerics);
  }
  CalibrationStream* text = stream ? &*stream : nullptr;
  for (std::int64_t layer = 0; layer < setup.config.n_layer; ++layer) {
    OpenLayer open(source.layer(layer));
    const AlignedVector<float> inputs = prepare_in_proj(method, text, open, layer);
    AlignedVector<float> gated = prepare_out_proj(method, text, open, layer, inputs);
    if (text != nullptr) {
      text->advance(open.weights, layer,
                    text->out_proj_inputs(open.weights, layer, std::move(gated)));
    }
    weights.layers.push_back(std::move(open.weights));
    throw_if_stopped(setup.options.stop);
  }
  return weights;
}

}  // namespace

Model transform(const Model& model, const QuantizeOptions& options) {
  const WeightSource source = float_source(model);
  const QuantizeSetup setup(source.config, options);
  return model.with_weights(std::make_shared<const Weights>(transformed_weights(source, setup)));
}

}  // namespace lightmamba

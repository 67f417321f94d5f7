// The float weights of a model, one layer at a time.
#pragma once

#include <cstdint>
#include <functional>
#include <string_view>

#include <lightmamba/model.h>

#include "model/weights.h"

namespace lightmamba {

struct WeightSource {
  Mamba2Config config;
  Matrix embedding;
  Matrix head;  // the embedding itself if tied
  AlignedVector<float> norm_f;
  std::function<LayerWeights(std::int64_t layer)> layer;
};

// Returns views of the weights of `model`, which must outlive the source. Throws Error if the model
// is quantized.
WeightSource float_source(const Model& model);

// Returns the shapes of state-spaces/mamba2-130m ... mamba2-2.7b. Throws Error that lists the
// names.
Mamba2Config published_shape(std::string_view name);

// Returns random weights as an untrained model has them, made on demand, the same for a seed on
// every machine. Matrices are normal with variance 1 / columns; A, dt_bias and D are as mamba_ssm
// initialises them.
WeightSource random_weights(const Mamba2Config& config, std::uint64_t seed);

}  // namespace lightmamba

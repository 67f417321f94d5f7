// A layer while its weights are changed: by the method first, then by GPTQ.
#pragma once

#include <cstdint>
#include <memory>
#include <span>

#include "base/buffer.h"
#include "model/weights.h"
#include "quant/calibration.h"
#include "quant/method.h"

namespace lightmamba {

using FloatBuffer = std::shared_ptr<AlignedVector<float>>;

FloatBuffer shared_floats(const Matrix& matrix);  // a copy in float
// Returns a view of the values as rows of `columns`, which keeps them alive.
Matrix float_matrix(const FloatBuffer& values, std::int64_t columns);

struct OpenLayer {
  explicit OpenLayer(LayerWeights layer);

  LayerWeights weights;  // its in_proj and out_proj are views of the two below
  FloatBuffer in_proj;
  FloatBuffer out_proj;
};

// Both let a method change a linear layer of `open` and the norm in front of it. `stream` has
// reached the layer; it may be null if the method needs no statistics.

// Returns the inputs of in_proj after the change [tokens, d_model]; nothing without a stream.
AlignedVector<float> prepare_in_proj(const WeightMethod& method, const CalibrationStream* stream,
                                     OpenLayer& open, std::int64_t layer);
// Returns the inputs of the gated norm [tokens, d_inner], which the change does not affect; nothing
// if no statistics were needed. `inputs` are those of in_proj.
AlignedVector<float> prepare_out_proj(const WeightMethod& method, const CalibrationStream* stream,
                                      OpenLayer& open, std::int64_t layer,
                                      std::span<const float> inputs);

}  // namespace lightmamba

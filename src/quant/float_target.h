// The float model that GPTQ steers the rounded model towards, over the calibration text.
#pragma once

#include <cstdint>
#include <span>

#include "base/buffer.h"
#include "quant/calibration.h"
#include "quant/known_residuals.h"
#include "quant/quantize_setup.h"

namespace lightmamba {

class FloatTarget {
 public:
  // `embedding` is that of the float model, before the method changes it. `known` may be null; it is
  // not used with methods that look at statistics of the rounded model.
  FloatTarget(const QuantizeSetup& setup, const Vocabulary& vocabulary, const Matrix& embedding,
              KnownResiduals* known);

  // What reaches in_proj in the float model: [tokens, d_model].
  AlignedVector<float> in_proj_inputs(const LayerWeights& weights, std::int64_t layer) const {
    return stream_.in_proj_inputs(weights, layer);
  }
  // Moves past the layer, given those inputs.
  void advance(const LayerWeights& weights, std::int64_t layer, std::span<const float> inputs);
  // Once past a layer: the outputs of out_proj that make a residual [tokens, d_model], as it is in
  // front of the layer, that of the float model.
  AlignedVector<float> wanted_outputs(const LayerWeights& weights,
                                      std::span<const float> residual) const;

 private:
  CalibrationStream stream_;
  KnownResiduals* known_;
};

}  // namespace lightmamba

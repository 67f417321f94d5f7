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
  // `embedding` is that of the float model, before the method changes it. `known` may be null; it
  // is not used with methods that look at statistics of the rounded model.
  FloatTarget(const QuantizeSetup& setup, const Vocabulary& vocabulary, const Matrix& embedding,
              KnownResiduals* known);

  // Returns the inputs of in_proj in the float model: [tokens, d_model].
  AlignedVector<float> in_proj_inputs(const LayerWeights& weights, std::int64_t layer) const {
    return stream_.in_proj_inputs(weights, layer);
  }
  // Moves past the layer, given those inputs.
  void advance(const LayerWeights& weights, std::int64_t layer, std::span<const float> inputs);
  // Once past a layer, returns the outputs of out_proj that turn `residual` [tokens, d_model],
  // which is that in front of the layer, into the residual of the float model behind it.
  AlignedVector<float> wanted_outputs(const LayerWeights& weights,
                                      std::span<const float> residual) const;

 private:
  CalibrationStream stream_;
  KnownResiduals* known_;
};

}  // namespace lightmamba

// Quantizes one layer after the other while calibration text runs through them.
#pragma once

#include <cstdint>
#include <span>

#include "quant/activation_clips.h"
#include "quant/calibration.h"
#include "quant/float_target.h"
#include "quant/layout_writer.h"
#include "quant/matrix_quantizer.h"
#include "quant/open_layer.h"
#include "quant/quantize_setup.h"

namespace lightmamba {

class LayerQuantizer {
 public:
  // The parts that round the layers, and the one that receives them. All must outlive the
  // quantizer.
  struct Parts {
    MatrixQuantizer& matrices;
    ActivationClips& clips;
    LayoutWriter& writer;
  };
  // `stream` carries the text through the quantized layers with GPTQ, else through the float ones;
  // it is null without text. `target` is null without GPTQ.
  LayerQuantizer(const QuantizeSetup& setup, const Parts& parts, CalibrationStream* stream,
                 FloatTarget* target)
      : setup_(setup), parts_(parts), stream_(stream), target_(target) {}

  // Layers must come in order, from 0. The stream and the target move past the layer. Throws
  // Stopped between its steps when the options ask for it.
  void quantize(LayerWeights weights, std::int64_t layer);

 private:
  void find_clip(std::int64_t columns, std::span<const float> inputs);
  void round_inputs(std::int64_t columns, std::span<float> inputs) const;
  void quantize_in_proj(const OpenLayer& open, std::int64_t layer, std::span<const float> inputs);
  void quantize_out_proj(const OpenLayer& open, std::int64_t layer, std::span<const float> inputs);
  ConvCodes quantize_conv_of(LayerWeights& weights) const;

  const QuantizeSetup& setup_;
  Parts parts_;
  CalibrationStream* stream_;
  FloatTarget* target_;
};

}  // namespace lightmamba

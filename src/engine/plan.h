// A quantized model as the engine's kernels read it.
#pragma once

#include <optional>
#include <vector>

#include <lightmamba/config.h>

#include "base/buffer.h"
#include "kernels/product.h"
#include "model/weights.h"
#include "quant/rounding_plan.h"

namespace lightmamba {

struct LayerPlan {
  const LayerWeights* weights;
  PackedWeights in_proj;   // [d_in_proj, d_model]
  PackedWeights out_proj;  // [d_model, d_inner]
  RowQuantizer in_proj_input;
  RowQuantizer out_proj_input;
  AlignedVector<float> conv;  // [d_conv, conv_dim]
};

// The online rotation of the out_proj input by H_m (x) H_n: of all channels, or where the order is
// below their number of the first ones and then, with changed signs, of the last.
struct RotationPlan {
  std::int64_t order, m, n;
  std::vector<float> signs;     // [d_inner], or empty: signs_between_steps()
  AlignedVector<float> matrix;  // [m, m]
};

// Views into the weights, which must live longer.
struct Plan {
  const Weights* weights;
  std::vector<LayerPlan> layers;
  std::optional<RotationPlan> rotation;
  PackedWeights head;  // [vocab_size, d_model]
  RowQuantizer head_input;
  std::optional<SsmRounding> ssm;  // none: its values are floats

  const Mamba2Config& config() const { return weights->config; }
  std::int64_t group() const { return weights->quantization->group; }
};

// Why the engine cannot run these weights, or none: it needs integer weights and activations.
std::optional<std::string> unsupported_reason(const Weights& weights);

// Throws Error where unsupported_reason() gives a reason.
Plan make_plan(const Weights& weights);

}  // namespace lightmamba

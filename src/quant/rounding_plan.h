// The rounding of each value of a quantized model, resolved once from its Quantization for the taps
// of the reference, the engine and the accelerator's integers.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include <lightmamba/config.h>
#include <lightmamba/fake_quant.h>
#include <lightmamba/quant_format.h>

#include "quant/state_format.h"

namespace lightmamba {

// Significant bits of dt and of 1 - a if the SSM is rounded: each number has a power of two of its
// own. A decay is kept as 1 - a, since the precision of that difference decides how much slow heads
// keep after thousands of tokens.
inline constexpr int kSsmSignificantBits = 8;

// Quantizers of the inputs of the linear layers; without one they are not rounded.
struct LayerRounding {
  std::optional<Quantizer> in_proj_input;
  std::optional<Quantizer> out_proj_input;  // after the rotation, if there is one
};

struct SsmRounding {
  Quantizer values;      // z, the inputs and outputs of the convolution, y
  int significant_bits;  // significant bits of dt and 1 - a
};

struct RoundingPlan {
  std::vector<LayerRounding> layers;
  std::optional<Quantizer> head_input;
  bool rotates = false;            // rotate the inputs of out_proj online
  std::optional<SsmRounding> ssm;  // without it the SSM computes in floats
  StateCodes state;
};

// The linear layers whose inputs are quantized: in_proj and out_proj of each layer, then the head.
inline std::int64_t activation_sites(const Mamba2Config& config) { return 2 * config.n_layer + 1; }

// `clips` are the shares of the range that the quantizers of the activation_sites span. Throws
// Error if there is another number of them.
RoundingPlan rounding_plan(const Mamba2Config& config, const Quantization& quantization,
                           std::span<const float> clips);

// Returns the bits of the input of the LM head: those of the scheme, but not fewer than its weights
// have.
int head_activation_bits(const Quantization& quantization);

// Returns the symmetric quantizer of a linear layer's input; it uses the full range of codes if the
// model was made with clipping.
Quantizer activation_quantizer(int bits, std::int64_t group, bool clipped, float clip = 1.0F);

}  // namespace lightmamba

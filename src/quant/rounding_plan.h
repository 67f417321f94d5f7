// What each value of a quantized model is rounded to: resolved here once from its Quantization, for
// the taps of the reference, the engine and the accelerator's integers.
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

// Significant bits of dt and of 1 - a where the SSM is rounded: each number has a power of two of
// its own. A decay is kept as 1 - a: what is left of slow heads after thousands of tokens depends
// on how precise that difference is.
inline constexpr int kSsmSignificantBits = 8;

// Of the inputs of the linear layers; none: they are not rounded.
struct LayerRounding {
  std::optional<Quantizer> in_proj_input;
  std::optional<Quantizer> out_proj_input;  // after the rotation, if there is one
};

struct SsmRounding {
  Quantizer values;      // z, the inputs and outputs of the convolution, y
  int significant_bits;  // of dt and 1 - a
};

struct RoundingPlan {
  std::vector<LayerRounding> layers;
  std::optional<Quantizer> head_input;
  bool rotates = false;            // out_proj's inputs, online
  std::optional<SsmRounding> ssm;  // none: floats
  StateCodes state;
};

// The linear layers whose inputs are quantized: in_proj and out_proj of each layer, then the head.
inline std::int64_t activation_sites(const Mamba2Config& config) { return 2 * config.n_layer + 1; }

// `clips` are the shares of the range that the quantizers of the activation_sites span. Throws
// Error where there is another number of them.
RoundingPlan rounding_plan(const Mamba2Config& config, const Quantization& quantization,
                           std::span<const float> clips);

// Bits of the head's input: those of the scheme, but not fewer than its weights have.
int head_activation_bits(const Quantization& quantization);

// The quantizer of a linear layer's input at so many bits: symmetric; over the full range of codes
// where the model was made with clipping.
Quantizer activation_quantizer(int bits, std::int64_t group, bool clipped, float clip = 1.0F);

}  // namespace lightmamba

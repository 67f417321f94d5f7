// What a quantized model does to its values on the way: the online rotation and the quantizers.
#pragma once

#include <cstdint>
#include <span>

#include <lightmamba/config.h>
#include <lightmamba/quantization.h>
#include <lightmamba/quantizer.h>
#include <lightmamba/taps.h>

namespace lightmamba {

// The linear layers whose inputs are quantized: in_proj and out_proj of each layer, then the head.
inline std::int64_t activation_sites(const Mamba2Config& config) { return 2 * config.n_layer + 1; }

// Bits of the head's input: those of the scheme, but not fewer than its weights have.
int head_activation_bits(const Quantization& quantization);

// The quantizer of a linear layer's input at so many bits: symmetric; over the full range of codes
// where the model was made with clipping.
Quantizer activation_quantizer(int bits, std::int64_t group, bool clipped, float clip = 1.0F);

// `clips` are the shares of the range that the quantizers of the activation_sites span.
Taps make_numerics(const Mamba2Config& config, const Quantization& quantization,
                   std::span<const float> clips);

// The part of make_numerics that is no quantization: the online rotation alone.
Taps make_online_transform(const Mamba2Config& config, Method method);

}  // namespace lightmamba

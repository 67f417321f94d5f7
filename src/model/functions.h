// The element-wise parts of a Mamba-2 block, in float32 as written in the papers.
#pragma once

#include <cstdint>
#include <span>

#include "model/weights.h"

namespace lightmamba {

float silu(float x);      // x / (1 + exp(-x))
float softplus(float x);  // log(1 + exp(x)), without overflow

// Divides each row of x [rows, gain.size()] by the root of its mean square (Zhang and Sennrich,
// 2019) and multiplies it by the gain; each of `groups` equal parts of a row has a mean square of
// its own. In place if `out` is `x`.
void rmsnorm(std::span<const float> x, std::span<const float> gain, float eps, std::int64_t groups,
             std::span<float> out);

// Adds `bias` to each row of x [rows, bias.size()]; does nothing if it is empty.
void add_bias(std::span<const float> bias, std::span<float> x);

// Depthwise causal convolution followed by SiLU. `input` begins with the d_conv - 1 rows before the
// first token: [d_conv - 1 + tokens, conv_dim]; `out` is [tokens, conv_dim].
void causal_conv1d_silu(const Mamba2Config& config, const LayerWeights& weights,
                        std::span<const float> input, std::span<float> out);

// dt = clamp(softplus(dt + dt_bias), time_step_limit) in place; [tokens, nheads].
void compute_dt(const Mamba2Config& config, const LayerWeights& weights, std::span<float> dt);

// a = exp(A dt); [tokens, nheads].
void compute_decay(const Mamba2Config& config, const LayerWeights& weights,
                   std::span<const float> dt, std::span<float> decay);

// y *= silu(z), element by element.
void gate(std::span<const float> z, std::span<float> y);

}  // namespace lightmamba

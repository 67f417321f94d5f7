// One Mamba-2 block over a run of tokens.
#pragma once

#include <cstdint>
#include <span>

#include <lightmamba/config.h>
#include <lightmamba/taps.h>

#include "base/buffer.h"
#include "model/weights.h"

namespace lightmamba {

enum class Scan { recurrent, chunked };

// The context of a run of tokens, the same for all layers. At each tap the model's own numerics are
// applied first; a caller's taps see their result.
struct BlockContext {
  const Mamba2Config& config;
  Scan scan;
  std::int64_t first_position;  // position of the run in its sequence
  const Taps* numerics;         // may be null
  const Taps* taps;             // may be null
  Split split = Split::rows;    // how threads share the products of the linear layers

  bool has(Tap tap) const {
    return (numerics != nullptr && numerics->has(tap)) || (taps != nullptr && taps->has(tap));
  }
  // `data` are rows of `columns`, the first of them at token `offset` of the run.
  void tap(Tap tap, std::int64_t layer, std::span<float> data, std::int64_t columns,
           std::int64_t offset = 0) const;
};

// The part of a State that belongs to one layer.
struct LayerState {
  std::span<float> conv;  // [d_conv - 1, conv_dim]
  std::span<float> ssm;   // [nheads, headdim, d_state]
};
LayerState layer_state(const Mamba2Config& config, std::int64_t layer, std::span<float> conv,
                       std::span<float> ssm);

// Memory for the intermediate values of a layer, used by one layer after the other.
struct BlockBuffers {
  BlockBuffers(const Mamba2Config& config, std::int64_t tokens);

  std::int64_t tokens;
  AlignedVector<float> u;           // [tokens, d_model]
  AlignedVector<float> z;           // [tokens, d_inner]
  AlignedVector<float> conv_input;  // [d_conv - 1 + tokens, conv_dim]
  AlignedVector<float> xbc;         // [tokens, conv_dim]
  AlignedVector<float> dt;          // [tokens, nheads]
  AlignedVector<float> decay;       // [tokens, nheads]
  AlignedVector<float> y;           // [tokens, d_inner]
};

// The parts of a layer, for calibration, which changes weights in between. Sets buffers.u to the
// input of in_proj, as its tap leaves it.
void block_input(const BlockContext& context, const LayerWeights& weights, std::int64_t layer,
                 std::span<const float> residual, BlockBuffers& buffers);
// Applies in_proj: computes buffers.z, buffers.conv_input (its last `tokens` rows) and buffers.dt
// from buffers.u.
void block_projection(const BlockContext& context, const LayerWeights& weights,
                      BlockBuffers& buffers);
// Computes buffers.y, the input of the gated norm, from those three.
void block_mixer(const BlockContext& context, const LayerWeights& weights, std::int64_t layer,
                 const LayerState& state, BlockBuffers& buffers);
// Computes the input of out_proj, as its tap leaves it, from the input of the gated norm [any,
// d_inner]. In place if `out` is `gated`.
void block_gated_norm(const BlockContext& context, const LayerWeights& weights, std::int64_t layer,
                      std::span<const float> gated, std::span<float> out);
// residual += W_out buffers.y
void block_output(const BlockContext& context, const LayerWeights& weights, std::int64_t layer,
                  std::span<float> residual, BlockBuffers& buffers);

// Runs a whole layer: adds its output to `residual` [buffers.tokens, d_model] and advances `state`.
void forward_block(const BlockContext& context, const LayerWeights& weights, std::int64_t layer,
                   const LayerState& state, std::span<float> residual, BlockBuffers& buffers);

}  // namespace lightmamba

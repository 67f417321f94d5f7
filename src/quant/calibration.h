// Text on its way through the network, a layer at a time, while the layers are being quantized.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include <lightmamba/config.h>
#include <lightmamba/quantizer.h>

#include "base/buffer.h"
#include "model/block.h"
#include "model/weights.h"
#include "quant/method.h"

namespace lightmamba {

// At most `limit` tokens (0: no limit) of a text, as whole windows spread evenly over it.
std::vector<TokenId> spread_windows(std::span<const TokenId> tokens, std::int64_t window,
                                    std::int64_t limit);

class CalibrationStream {
 public:
  // Begins with the rows of the embedding [tokens, d_model]. Windows of `window` tokens each begin
  // with an empty state; the rest of the text makes a shorter one. `numerics` is what happens at
  // the taps inside the blocks.
  CalibrationStream(const Mamba2Config& config, AlignedVector<float> embedded, std::int64_t window,
                    Taps numerics);

  std::span<const float> residual() const { return residual_; }  // [tokens, d_model]

  // What reaches in_proj: [tokens, d_model].
  AlignedVector<float> in_proj_inputs(const LayerWeights& weights, std::int64_t layer) const;
  // What reaches out_proj if that reaches in_proj: [tokens, d_inner].
  AlignedVector<float> out_proj_inputs(const LayerWeights& weights, std::int64_t layer,
                                       std::span<const float> in_proj_inputs) const;
  // Goes on to the next layer with these inputs of out_proj.
  void advance(const LayerWeights& weights, std::int64_t layer,
               std::span<const float> out_proj_inputs);
  // What reaches the head: [tokens, d_model].
  AlignedVector<float> head_inputs(std::span<const float> norm_f) const;

 private:
  struct Window {
    std::int64_t begin;
    std::int64_t tokens;
  };
  BlockContext context() const;
  std::vector<Window> windows() const;

  const Mamba2Config& config_;
  std::int64_t tokens_;
  std::int64_t window_;
  Taps numerics_;
  AlignedVector<float> residual_;  // [tokens, d_model]
};

// Range of each channel, and a sample of rows spread over `values` [any, columns].
SiteStatistics site_statistics(std::span<const float> values, std::int64_t columns);

// The share of the range, of a grid from 1 down, at which quantizing a sample of `values` leaves
// the least squared error.
float mse_clip(const Quantizer& quantizer, std::span<const float> values, std::int64_t columns);

}  // namespace lightmamba

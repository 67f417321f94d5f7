// Text on its way through the network, a layer at a time, while the layers are being quantized.
#pragma once

#include <cstdint>
#include <functional>
#include <span>
#include <vector>

#include <lightmamba/config.h>
#include <lightmamba/fake_quant.h>

#include "base/buffer.h"
#include "model/block.h"
#include "model/weights.h"
#include "quant/method.h"

namespace lightmamba {

// At most `limit` tokens (0: no limit) of a text, as whole windows spread evenly over it.
std::vector<TokenId> spread_windows(std::span<const TokenId> tokens, std::int64_t window,
                                    std::int64_t limit);

// The different tokens of a text. Up to the first conv a token's values do not depend on those
// before it, so they are computed once for each of these.
struct Vocabulary {
  explicit Vocabulary(std::span<const TokenId> text);

  std::vector<TokenId> words;         // each once, in the order in which they first occur
  std::vector<std::int64_t> first;    // where that is in the text [words]
  std::vector<std::int64_t> indices;  // of the text's tokens in `words` [tokens]
};

// Windows are worked on in parallel, each with a few megabytes of its own; the result does not
// depend on the number of threads.
class CalibrationStream {
 public:
  // Begins with the embedding of the text's vocabulary [words, d_model]; `text` are rows of it.
  // Windows of `window` tokens each begin with an empty state; the rest of the text makes a shorter
  // one. `numerics` is what happens at the taps inside the blocks; they are called from several
  // threads.
  CalibrationStream(const Mamba2Config& config, const Vocabulary& vocabulary,
                    std::span<const float> embedded, std::int64_t window, Taps numerics);

  std::span<const float> residual() const { return residual_; }  // [tokens, d_model]

  // What reaches in_proj: [tokens, d_model]. As long as advance() was not called, equal tokens have
  // equal rows, and the functions below rely on it.
  AlignedVector<float> in_proj_inputs(const LayerWeights& weights, std::int64_t layer) const;
  // What reaches the gated norm if that reaches in_proj: [tokens, d_inner].
  AlignedVector<float> gated(const LayerWeights& weights, std::int64_t layer,
                             std::span<const float> in_proj_inputs) const;
  // What reaches out_proj if that reaches the gated norm: [tokens, d_inner].
  AlignedVector<float> out_proj_inputs(const LayerWeights& weights, std::int64_t layer,
                                       AlignedVector<float> gated) const;
  // Goes on to the next layer with these inputs of out_proj.
  void advance(const LayerWeights& weights, std::int64_t layer,
               std::span<const float> out_proj_inputs);
  // The same with these inputs of in_proj, through the rest of the layer.
  void advance_from_in_proj(const LayerWeights& weights, std::int64_t layer,
                            std::span<const float> in_proj_inputs);
  // The same with what the residual stream is known to be behind the layer [tokens, d_model].
  void advance_to(std::span<const float> residual);
  // Forgets all but some tokens, spread over the text: enough for what looks at a sample alone.
  // `rows` [tokens, columns] lose the same tokens. Nothing but advance() and head_inputs() makes
  // sense afterwards.
  void thin(AlignedVector<float>& rows, std::int64_t columns);
  // What reaches the head: [tokens, d_model].
  AlignedVector<float> head_inputs(std::span<const float> norm_f) const;

 private:
  struct Window {
    std::int64_t begin;
    std::int64_t tokens;
  };
  BlockContext context() const;
  struct Scratch;
  void for_windows(const std::function<void(const Window&, Scratch&)>& body) const;
  // Goes through a layer up to the gated norm, window by window.
  void mix(const LayerWeights& weights, std::int64_t layer, std::span<const float> in_proj_inputs,
           const std::function<void(const Window&, BlockBuffers&)>& body) const;
  AlignedVector<float> project_words(const LayerWeights& weights,
                                     std::span<const float> in_proj_inputs) const;
  void spread_words(std::span<const float> projected, const Window& window,
                    BlockBuffers& buffers) const;
  std::span<float> residual_of(const Window& window);

  const Mamba2Config& config_;
  std::int64_t tokens_;
  std::int64_t window_;
  Taps numerics_;
  Vocabulary vocabulary_;  // of no further use behind the first layer
  bool first_layer_ = true;
  AlignedVector<float> residual_;  // [tokens, d_model]
};

// Range of each channel, and a sample of rows spread over `values` [any, columns].
SiteStatistics site_statistics(std::span<const float> values, std::int64_t columns);

// The share of the range, of a grid from 1 down, at which quantizing a sample of `values` leaves
// the least squared error.
float mse_clip(const Quantizer& quantizer, std::span<const float> values, std::int64_t columns);

}  // namespace lightmamba

// Runs text through the network, a layer at a time, while the layers are being quantized.
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

// Returns at most `limit` tokens (0 means no limit) of a text, as whole windows spread evenly over
// it.
std::vector<TokenId> spread_windows(std::span<const TokenId> tokens, std::int64_t window,
                                    std::int64_t limit);

// The different tokens of a text. Up to the first conv a token's values do not depend on earlier
// tokens, so they are computed once for each word.
struct Vocabulary {
  explicit Vocabulary(std::span<const TokenId> text);

  std::vector<TokenId> words;         // each once, in the order in which they first occur
  std::vector<std::int64_t> first;    // the position of that in the text [words]
  std::vector<std::int64_t> indices;  // indices of the text's tokens in `words` [tokens]
};

// Returns the rows of an embedding for the words of a vocabulary: [words, d_model].
AlignedVector<float> embedding_rows(const Matrix& embedding, const Vocabulary& vocabulary);

// Windows run in parallel, each with a few megabytes of its own; the result does not depend on the
// number of threads.
class CalibrationStream {
 public:
  // Begins with the embedding of the text's vocabulary [words, d_model]. Windows of `window` tokens
  // each begin with an empty state; the rest of the text makes a shorter one. `numerics` are the
  // taps inside the layers; they are called from several threads.
  CalibrationStream(const Mamba2Config& config, const Vocabulary& vocabulary,
                    std::span<const float> embedded, std::int64_t window, Taps numerics);

  std::span<const float> residual() const { return residual_; }  // [tokens, d_model]

  // Returns the inputs of in_proj: [tokens, d_model]. Until advance() is called, equal tokens have
  // equal rows, and the functions below rely on it.
  AlignedVector<float> in_proj_inputs(const LayerWeights& weights, std::int64_t layer) const;
  // Returns the inputs of the gated norm for these inputs of in_proj: [tokens, d_inner].
  AlignedVector<float> gated(const LayerWeights& weights, std::int64_t layer,
                             std::span<const float> in_proj_inputs) const;
  // Returns the inputs of out_proj for these inputs of the gated norm: [tokens, d_inner].
  AlignedVector<float> out_proj_inputs(const LayerWeights& weights, std::int64_t layer,
                                       AlignedVector<float> gated) const;
  // Moves to the next layer with these inputs of out_proj.
  void advance(const LayerWeights& weights, std::int64_t layer,
               std::span<const float> out_proj_inputs);
  // Does the same with these inputs of in_proj, through the rest of the layer.
  void advance_from_in_proj(const LayerWeights& weights, std::int64_t layer,
                            std::span<const float> in_proj_inputs);
  // Does the same with a residual stream that is known to leave the layer [tokens, d_model].
  void advance_to(std::span<const float> residual);
  // Forgets all but some tokens, spread over the text: enough if only a sample is needed. `rows`
  // [tokens, columns] lose the same tokens. Only advance() and head_inputs() may be called
  // afterwards.
  void thin(AlignedVector<float>& rows, std::int64_t columns);
  // Returns the inputs of the LM head: [tokens, d_model].
  AlignedVector<float> head_inputs(std::span<const float> norm_f) const;

 private:
  struct Window {
    std::int64_t begin;
    std::int64_t tokens;
  };
  BlockContext context() const;
  struct Scratch;
  void for_windows(const std::function<void(const Window&, Scratch&)>& body) const;
  // Runs a layer up to the gated norm, window by window.
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
  Vocabulary vocabulary_;  // not used after the first layer
  bool first_layer_ = true;
  AlignedVector<float> residual_;  // [tokens, d_model]
};

// Finds the range of each channel, and takes a sample of rows spread over `values` [any, columns].
SiteStatistics site_statistics(std::span<const float> values, std::int64_t columns);

// Returns the share of the range, from a grid below 1, at which quantizing a sample of `values` has
// the least squared error.
float mse_clip(const Quantizer& quantizer, std::span<const float> values, std::int64_t columns);

}  // namespace lightmamba

// The windows of a text and what a model scores in them, as perplexity() defines both.
#pragma once

#include <cstdint>
#include <functional>
#include <span>
#include <vector>

#include <lightmamba/evaluate.h>

namespace lightmamba {

class TextScore {
 public:
  // All must outlive this object. Throws Error as perplexity() does.
  TextScore(const Model& model, std::span<const TokenId> tokens, const PerplexityOptions& options);

  // Calls `window` with the index of each window's first token and the tokens to feed.
  void for_each_window(
      const std::function<void(std::int64_t begin, std::span<const TokenId> fed)>& window) const;

  // Takes the logits [vocab_size] after the text's token `index`; in order.
  void add(std::int64_t index, std::span<const float> logits);

  // Once all logits were added.
  PerplexityResult result() const;

 private:
  struct Sum {
    double nll = 0;
    std::int64_t tokens = 0;
  };

  const PerplexityOptions& options_;
  std::span<const TokenId> fed_;
  std::span<const TokenId> scored_;
  std::optional<std::int64_t> bytes_;
  Sum total_;
  std::vector<Sum> bins_;
};

}  // namespace lightmamba

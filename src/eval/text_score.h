// The windows of a text and the score of a model in them, as perplexity() defines both.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include <lightmamba/evaluate.h>

namespace lightmamba {

// Tokens of one window that models are fed together; at most kLogitRows.
struct TextPart {
  std::int64_t begin = 0;  // index of the first one in the text
  bool first = false;      // first of its window, so that a new sequence begins
  std::span<const TokenId> fed = {};
  std::span<const TokenId> scored = {};  // the successors of the tokens
};

class TextScore {
 public:
  // All must outlive this object. Throws Error as perplexity() does.
  TextScore(const Model& model, std::span<const TokenId> tokens, const PerplexityOptions& options);

  std::int64_t tokens() const { return std::ssize(scored_); }  // tokens to be scored
  std::vector<TextPart> parts() const;

  // Adds the negative log-likelihoods of the scored tokens of a part; parts must come in order.
  void add(const TextPart& part, std::span<const double> nll);

  // Must be called after all parts were added.
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

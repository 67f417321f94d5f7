// Log-likelihoods of tokens under a model.
#pragma once

#include <span>
#include <string>
#include <string_view>
#include <vector>

#include <lightmamba/model.h>

namespace lightmamba {

// -log softmax(logits)[target], in nats, computed in double. Throws Error if it is NaN or there is
// no such logit.
double token_nll(std::span<const float> logits, TokenId target);

// Whether `target` has the largest logit; of equal ones the lowest id counts as the largest.
bool is_most_likely(std::span<const float> logits, TokenId target);

struct ContinuationScore {
  double log_likelihood = 0;  // of all its tokens together, in nats
  bool greedy = true;         // each token is the most likely one
};

// Scores continuations of one context, which goes through the model once.
class ContextScorer {
 public:
  // `taps` may be null and must outlive the scorer.
  ContextScorer(const Model& model, std::span<const TokenId> context, const Taps* taps);

  ContinuationScore score(std::span<const TokenId> continuation) const;

 private:
  const Model& model_;
  const Taps* taps_;
  State state_;
  std::vector<float> logits_;  // after the context
};

// Tokens of a context and of texts that may follow it. White space at the end of the context goes
// to the front of the continuation, since tokens begin with their space and not end with it.
class ContextTokens {
 public:
  ContextTokens(const Tokenizer& tokenizer, std::string_view context);

  const std::vector<TokenId>& ids() const { return ids_; }

  // What encoding the context together with `text` adds to the context's own ids.
  std::vector<TokenId> continuation(std::string_view text) const;

 private:
  const Tokenizer& tokenizer_;
  std::string context_;
  std::string space_;
  std::vector<TokenId> ids_;
};

}  // namespace lightmamba

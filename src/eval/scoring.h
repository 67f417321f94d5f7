// Log-likelihoods of tokens under a model.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include <lightmamba/sequence.h>

namespace lightmamba {

// Returns log(sum of exp(logits)), computed in double.
double log_sum_exp(std::span<const float> logits);

// Returns -log softmax(logits)[target], in nats; a caller that has log_sum_exp(logits) can pass it
// as `log_sum`. Throws Error if the result is NaN or there is no such logit.
double token_nll(std::span<const float> logits, TokenId target, double log_sum);
double token_nll(std::span<const float> logits, TokenId target);

// Returns token_nll() of each row of logits [targets, vocab_size] and its target, computed in
// parallel.
std::vector<double> token_nlls(std::span<const float> rows, std::span<const TokenId> targets);

// The approximate number of operations for a logit in a sum of exps, as parallel_for() counts them.
inline constexpr std::int64_t kOperationsPerLogit = 20;

// Returns the index of the largest logit; among equal logits the lowest id counts as the largest.
TokenId most_likely(std::span<const float> logits);
inline bool is_most_likely(std::span<const float> logits, TokenId target) {
  return most_likely(logits) == target;
}

struct ContinuationScore {
  double log_likelihood = 0;  // sum over its tokens, in nats
  bool greedy = true;         // whether each token is the most likely one
};

// Scores continuations of one context, which runs through the model once.
class ContextScorer {
 public:
  // The taps, which may be null, must outlive the scorer.
  ContextScorer(const Backend& backend, std::span<const TokenId> context, const Taps* taps);

  ContinuationScore score(std::span<const TokenId> continuation) const;

 private:
  std::unique_ptr<Sequence> context_;  // the sequence after the context
};

// Tokens of a context and of texts that may follow it. White space at the end of the context goes
// to the front of the continuation, since tokens begin with their space and not end with it.
class ContextTokens {
 public:
  ContextTokens(const Tokenizer& tokenizer, std::string_view context);

  const std::vector<TokenId>& ids() const { return ids_; }

  // Returns the ids that encoding the context together with `text` adds to those of the context.
  std::vector<TokenId> continuation(std::string_view text) const;

 private:
  const Tokenizer& tokenizer_;
  std::string context_;
  std::string space_;
  std::vector<TokenId> ids_;
};

}  // namespace lightmamba

// Choosing a token from logits.
#pragma once

#include <cstdint>
#include <memory>
#include <span>

#include <lightmamba/export.h>
#include <lightmamba/model.h>

namespace lightmamba {

// The options apply in this order: penalty, temperature, top-k, top-p, draw. Among equal logits the
// lower id is first. The random numbers do not depend on the standard library.
struct SamplingOptions {
  float temperature = 0.0F;  // logits are divided by it; 0 always takes the largest logit
  int top_k = 0;             // draw among the k largest logits; 0 is off
  float top_p = 1.0F;        // draw among the fewest tokens that together reach this probability
  // Logits of tokens that were seen are divided by it if positive and multiplied if negative
  // (Keskar et al., "CTRL", 2019, section 4.1); 1 is off.
  float repeat_penalty = 1.0F;
  int repeat_window = 64;  // how many of the last tokens, prompt included, count as seen; 0: all
  std::uint64_t seed = 0;
};

// Chooses one token from the logits of a step. It holds the state of the random numbers and scratch
// memory, so only one thread may use it at a time.
//
// Constrained decoding names the ids that may follow, or changes a copy of the logits:
//
//     Sampler sampler(options, model);
//     std::vector<TokenId> seen = prompt;
//     std::span<const float> logits = sequence->prefill(prompt);
//     while (!grammar.is_complete()) {
//       seen.push_back(sampler.sample(logits, seen, grammar.allowed()));
//       grammar.accept(seen.back());
//       logits = sequence->decode(seen.back());
//     }
class LIGHTMAMBA_EXPORT Sampler {
 public:
  // `allowed` are the ids that may be chosen; for a model these are the ids that have a token in
  // its tokenizer, or all where it has none. Both throw Error naming an option out of range.
  Sampler(const SamplingOptions& options, std::span<const TokenId> allowed);
  Sampler(const SamplingOptions& options, const Model& model);
  ~Sampler();
  Sampler(Sampler&&) noexcept;
  Sampler& operator=(Sampler&&) noexcept;

  // `seen` are the tokens so far, for the penalty. The second form chooses among other ids for this
  // step. Ids that may be chosen must ascend. Throws Error if they do not ascend or lie outside the
  // logits, if one of their logits is NaN or positive infinity, or if no id can be chosen: a logit
  // of negative infinity forbids its token.
  TokenId sample(std::span<const float> logits, std::span<const TokenId> seen);
  TokenId sample(std::span<const float> logits, std::span<const TokenId> seen,
                 std::span<const TokenId> allowed);

 private:
  class Steps;
  std::unique_ptr<Steps> steps_;
};

}  // namespace lightmamba

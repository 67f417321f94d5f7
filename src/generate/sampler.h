// One token out of the logits of a step.
#pragma once

#include <random>
#include <span>
#include <vector>

#include <lightmamba/generate.h>

namespace lightmamba {

// Not safe for use from several threads: it holds the random numbers' state and scratch memory.
class Sampler {
 public:
  // `allowed` are the ids that may be chosen, ascending. Throws Error naming an option out of
  // range.
  Sampler(const SamplingOptions& options, std::vector<TokenId> allowed);

  // `seen` is the sequence so far. The ids of both it and `allowed` must index the logits. Throws
  // Error if a logit is NaN or positive infinity, or if no token is left to choose.
  TokenId sample(std::span<const float> logits, std::span<const TokenId> seen);

 private:
  struct Candidate {
    TokenId id;
    float logit;
    double weight;  // proportional to the probability
  };

  static bool ranks_before(const Candidate& a, const Candidate& b);

  void penalize(std::span<const float> logits, std::span<const TokenId> seen);
  TokenId largest() const;
  void collect_candidates(float largest_logit);
  void keep_top_k();
  void keep_top_p();
  TokenId draw();

  SamplingOptions options_;
  std::vector<TokenId> allowed_;
  std::mt19937_64 random_;
  std::vector<float> logits_;  // after the penalty  [vocab_size]
  std::vector<Candidate> candidates_;
};

}  // namespace lightmamba

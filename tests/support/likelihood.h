// Log-likelihoods by the definition: one decode() per token from a fresh state, sums in double.
#pragma once

#include <span>
#include <vector>

#include <lightmamba/sequence.h>

namespace lightmamba::test {

struct TokenLikelihood {
  double nll = 0;        // in nats
  bool largest = false;  // no other token is as likely
};

// For each token but the first, given those before it.
std::vector<TokenLikelihood> likelihoods_by_decode(const Backend& backend,
                                                   std::span<const TokenId> tokens);
// On the reference.
std::vector<TokenLikelihood> likelihoods_by_decode(const Model& model,
                                                   std::span<const TokenId> tokens);

}  // namespace lightmamba::test

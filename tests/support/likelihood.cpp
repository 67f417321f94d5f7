#include "support/likelihood.h"

#include <algorithm>
#include <cmath>

namespace lightmamba::test {

std::vector<TokenLikelihood> likelihoods_by_decode(const Backend& backend,
                                                   std::span<const TokenId> tokens) {
  std::vector<TokenLikelihood> result;
  const auto sequence = backend.open();
  for (std::size_t t = 0; t + 1 < tokens.size(); ++t) {
    const std::span logits = sequence->decode(tokens[t]);
    const float target = logits[static_cast<std::size_t>(tokens[t + 1])];
    double sum = 0;
    for (const float logit : logits) sum += std::exp(static_cast<double>(logit - target));
    const auto as_likely =
        std::count_if(logits.begin(), logits.end(), [&](float logit) { return logit >= target; });
    result.push_back({std::log(sum), as_likely == 1});
  }
  return result;
}

std::vector<TokenLikelihood> likelihoods_by_decode(const Model& model,
                                                   std::span<const TokenId> tokens) {
  return likelihoods_by_decode(*reference_backend(model), tokens);
}

}  // namespace lightmamba::test

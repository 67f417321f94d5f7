#include "support/likelihood.h"

#include <algorithm>
#include <cmath>

namespace lightmamba::test {

std::vector<TokenLikelihood> likelihoods_by_decode(const Model& model,
                                                   std::span<const TokenId> tokens) {
  std::vector<TokenLikelihood> result;
  std::vector<float> logits(static_cast<std::size_t>(model.config().vocab_size));
  State state = model.new_state();
  for (std::size_t t = 0; t + 1 < tokens.size(); ++t) {
    model.decode(state, tokens[t], logits);
    const float target = logits[static_cast<std::size_t>(tokens[t + 1])];
    double sum = 0;
    for (const float logit : logits) sum += std::exp(static_cast<double>(logit - target));
    const auto as_likely =
        std::count_if(logits.begin(), logits.end(), [&](float logit) { return logit >= target; });
    result.push_back({std::log(sum), as_likely == 1});
  }
  return result;
}

}  // namespace lightmamba::test

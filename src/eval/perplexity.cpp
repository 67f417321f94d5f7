#include <lightmamba/evaluate.h>

#include "eval/text_score.h"

namespace lightmamba {

PerplexityResult perplexity(const Model& model, std::span<const TokenId> tokens,
                            const PerplexityOptions& options) {
  TextScore score(model, tokens, options);
  score.for_each_window([&](std::int64_t begin, std::span<const TokenId> fed) {
    State state = model.new_state();
    model.prefill_all(
        state, fed,
        [&](std::int64_t index, std::span<const float> logits) {
          score.add(begin + index, logits);
        },
        options.taps);
  });
  return score.result();
}

}  // namespace lightmamba

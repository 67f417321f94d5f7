#include <optional>

#include <lightmamba/evaluate.h>

#include "eval/scoring.h"
#include "eval/tapped_sequence.h"
#include "eval/text_score.h"

namespace lightmamba {

PerplexityResult perplexity(const Model& model, std::span<const TokenId> tokens,
                            const PerplexityOptions& options) {
  TextScore score(model, tokens, options);
  std::optional<TappedSequence> sequence;
  std::vector<float> room;
  for (const TextPart& part : score.parts()) {
    if (part.first) sequence.emplace(model, options.taps);
    score.add(part, token_nlls(sequence->rows(part.fed, room), part.scored));
    if (options.progress) options.progress(part.begin + std::ssize(part.fed), score.tokens());
  }
  return score.result();
}

}  // namespace lightmamba

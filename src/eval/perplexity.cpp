#include <memory>

#include <lightmamba/evaluate.h>

#include "base/fail.h"
#include "eval/logit_rows.h"
#include "eval/scoring.h"
#include "eval/text_score.h"

namespace lightmamba {

PerplexityResult perplexity(const Backend& backend, std::span<const TokenId> tokens,
                            const PerplexityOptions& options) {
  TextScore score(backend.model(), tokens, options);
  std::unique_ptr<Sequence> sequence;
  std::vector<float> room;
  for (const TextPart& part : score.parts()) {
    throw_if_stopped(options.stop);
    if (part.first) sequence = backend.open({.taps = options.taps});
    score.add(part, token_nlls(logit_rows(*sequence, part.fed, room), part.scored));
    if (options.progress) options.progress(part.begin + std::ssize(part.fed), score.tokens());
  }
  return score.result();
}

}  // namespace lightmamba

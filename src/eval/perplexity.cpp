#include <algorithm>
#include <cmath>
#include <numbers>

#include <lightmamba/evaluate.h>

#include "base/fail.h"
#include "eval/scoring.h"

namespace lightmamba {
namespace {

void validate(std::span<const TokenId> tokens, const PerplexityOptions& options) {
  if (options.context < 1) fail("context must be at least 1, but is {}", options.context);
  if (options.max_tokens < 0)
    fail("max_tokens must not be negative, but is {}", options.max_tokens);
  if (tokens.size() < 2) {
    fail("perplexity needs a text of at least 2 tokens, but it has {}", tokens.size());
  }
}

std::int64_t text_bytes(const Tokenizer& tokenizer, std::span<const TokenId> tokens) {
  std::int64_t bytes = 0;
  for (const TokenId id : tokens) bytes += std::ssize(tokenizer.token_bytes(id));
  return bytes;
}

}  // namespace

PerplexityResult perplexity(const Model& model, std::span<const TokenId> tokens,
                            const PerplexityOptions& options) {
  validate(tokens, options);
  PerplexityResult result;
  result.tokens = std::ssize(tokens) - 1;
  if (options.max_tokens > 0) result.tokens = std::min(result.tokens, options.max_tokens);
  const std::span scored = tokens.subspan(1, static_cast<std::size_t>(result.tokens));
  if (model.has_tokenizer()) result.bytes = text_bytes(model.tokenizer(), scored);

  double total_nll = 0;
  for (std::int64_t begin = 0; begin < result.tokens; begin += options.context) {
    const std::int64_t count = std::min(options.context, result.tokens - begin);
    State state = model.new_state();
    model.prefill_all(
        state, tokens.subspan(static_cast<std::size_t>(begin), static_cast<std::size_t>(count)),
        [&](std::int64_t index, std::span<const float> logits) {
          total_nll += token_nll(logits, scored[static_cast<std::size_t>(begin + index)]);
          if (options.progress) options.progress(begin + index + 1, result.tokens);
        },
        options.taps);
  }

  result.nll = total_nll / static_cast<double>(result.tokens);
  result.perplexity = std::exp(result.nll);
  if (result.bytes) {
    result.bits_per_byte = total_nll / std::numbers::ln2 / static_cast<double>(*result.bytes);
  }
  return result;
}

}  // namespace lightmamba

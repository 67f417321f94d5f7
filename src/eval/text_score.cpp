#include "eval/text_score.h"

#include <algorithm>
#include <cmath>
#include <numbers>

#include "base/fail.h"
#include "eval/scoring.h"

namespace lightmamba {
namespace {

void validate(std::span<const TokenId> tokens, const PerplexityOptions& options) {
  if (options.context < 1) fail("context must be at least 1, but is {}", options.context);
  if (options.max_tokens < 0)
    fail("max_tokens must not be negative, but is {}", options.max_tokens);
  if (options.bin < 0) fail("bin must not be negative, but is {}", options.bin);
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

TextScore::TextScore(const Model& model, std::span<const TokenId> tokens,
                     const PerplexityOptions& options)
    : options_(options) {
  validate(tokens, options);
  std::int64_t count = std::ssize(tokens) - 1;
  if (options.max_tokens > 0) count = std::min(count, options.max_tokens);
  fed_ = tokens.first(static_cast<std::size_t>(count));
  scored_ = tokens.subspan(1, static_cast<std::size_t>(count));
  if (model.has_tokenizer()) bytes_ = text_bytes(model.tokenizer(), scored_);
}

void TextScore::for_each_window(
    const std::function<void(std::int64_t, std::span<const TokenId>)>& window) const {
  for (std::int64_t begin = 0; begin < std::ssize(fed_); begin += options_.context) {
    const std::int64_t count = std::min(options_.context, std::ssize(fed_) - begin);
    window(begin, fed_.subspan(static_cast<std::size_t>(begin), static_cast<std::size_t>(count)));
  }
}

void TextScore::add(std::int64_t index, std::span<const float> logits) {
  const double nll = token_nll(logits, scored_[static_cast<std::size_t>(index)]);
  total_.nll += nll;
  ++total_.tokens;
  if (options_.bin > 0) {
    const auto bin = static_cast<std::size_t>(index % options_.context / options_.bin);
    if (bin >= bins_.size()) bins_.resize(bin + 1);
    bins_[bin].nll += nll;
    ++bins_[bin].tokens;
  }
  if (options_.progress) options_.progress(index + 1, std::ssize(scored_));
}

PerplexityResult TextScore::result() const {
  PerplexityResult result;
  result.tokens = total_.tokens;
  result.nll = total_.nll / static_cast<double>(total_.tokens);
  result.perplexity = std::exp(result.nll);
  result.bytes = bytes_;
  if (bytes_) {
    result.bits_per_byte = total_.nll / std::numbers::ln2 / static_cast<double>(*bytes_);
  }
  std::int64_t begin = 0;
  for (const Sum& bin : bins_) {
    const double nll = bin.nll / static_cast<double>(bin.tokens);
    result.bins.push_back({begin, bin.tokens, nll, std::exp(nll)});
    begin += options_.bin;
  }
  return result;
}

}  // namespace lightmamba

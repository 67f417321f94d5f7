#include "eval/text_score.h"

#include <algorithm>
#include <cmath>
#include <numbers>

#include "base/fail.h"
#include "eval/logit_rows.h"

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

std::vector<TextPart> TextScore::parts() const {
  std::vector<TextPart> parts;
  const auto context = static_cast<std::size_t>(options_.context);
  std::size_t count = 0;
  for (std::size_t begin = 0; begin < fed_.size(); begin += count) {
    const std::size_t in_window = begin % context;
    count = std::min({kLogitRows, context - in_window, fed_.size() - begin});
    parts.push_back({static_cast<std::int64_t>(begin), in_window == 0, fed_.subspan(begin, count),
                     scored_.subspan(begin, count)});
  }
  return parts;
}

void TextScore::add(const TextPart& part, std::span<const double> nll) {
  for (std::size_t i = 0; i < nll.size(); ++i) {
    total_.nll += nll[i];
    ++total_.tokens;
    if (options_.bin == 0) continue;
    const std::int64_t index = part.begin + static_cast<std::int64_t>(i);
    const auto bin = static_cast<std::size_t>(index % options_.context / options_.bin);
    if (bin >= bins_.size()) bins_.resize(bin + 1);
    bins_[bin].nll += nll[i];
    ++bins_[bin].tokens;
  }
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

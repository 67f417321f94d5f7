#include "eval/scoring.h"

#include <algorithm>
#include <cmath>

#include "base/fail.h"
#include "base/threads.h"
#include "eval/logit_rows.h"
#include "io/unicode.h"

namespace lightmamba {
namespace {

// Returns the size of `text` without the white space at its end.
std::size_t stripped_size(std::string_view text) {
  std::size_t end = text.size();
  while (end > 0) {
    const CodePoint last = code_point_before(text, end);
    if (char_class(last.value) != CharClass::space) break;
    end -= last.size;
  }
  return end;
}

}  // namespace

double log_sum_exp(std::span<const float> logits) {
  const auto largest = static_cast<double>(*std::max_element(logits.begin(), logits.end()));
  double sum = 0;
  for (const float logit : logits) sum += std::exp(static_cast<double>(logit) - largest);
  return std::log(sum) + largest;
}

double token_nll(std::span<const float> logits, TokenId target, double log_sum) {
  if (target < 0 || target >= std::ssize(logits)) {
    fail("token id {} is outside the vocabulary of {}", target, logits.size());
  }
  const double nll = log_sum - static_cast<double>(logits[static_cast<std::size_t>(target)]);
  if (std::isnan(nll)) fail("the model's logits are not numbers");
  return nll;
}

double token_nll(std::span<const float> logits, TokenId target) {
  return token_nll(logits, target, log_sum_exp(logits));
}

std::vector<double> token_nlls(std::span<const float> rows, std::span<const TokenId> targets) {
  const std::size_t vocab = rows.size() / targets.size();
  std::vector<double> result(targets.size());
  parallel_for(std::ssize(targets), kOperationsPerLogit * static_cast<std::int64_t>(vocab),
               [&](std::int64_t i) {
                 const auto row = static_cast<std::size_t>(i);
                 result[row] = token_nll(rows.subspan(row * vocab, vocab), targets[row]);
               });
  return result;
}

TokenId most_likely(std::span<const float> logits) {
  return static_cast<TokenId>(std::max_element(logits.begin(), logits.end()) - logits.begin());
}

ContextScorer::ContextScorer(const Backend& backend, std::span<const TokenId> context,
                             const Taps* taps)
    : context_(backend.open({.taps = taps})) {
  context_->prefill(context);
}

ContinuationScore ContextScorer::score(std::span<const TokenId> continuation) const {
  ContinuationScore result;
  const auto add = [&](std::span<const float> logits, TokenId target) {
    result.log_likelihood -= token_nll(logits, target);
    result.greedy = result.greedy && is_most_likely(logits, target);
  };
  const std::span first = context_->logits();
  add(first, continuation.front());
  if (continuation.size() == 1) return result;
  const std::unique_ptr<Sequence> sequence = context_->fork();
  std::vector<float> room;
  const std::span rows = logit_rows(*sequence, continuation.first(continuation.size() - 1), room);
  for (std::size_t i = 1; i < continuation.size(); ++i) {
    add(rows.subspan((i - 1) * first.size(), first.size()), continuation[i]);
  }
  return result;
}

ContextTokens::ContextTokens(const Tokenizer& tokenizer, std::string_view context)
    : tokenizer_(tokenizer) {
  const std::size_t size = stripped_size(context);
  context_ = context.substr(0, size);
  space_ = context.substr(size);
  ids_ = tokenizer.encode(context_);
}

std::vector<TokenId> ContextTokens::continuation(std::string_view text) const {
  std::string whole = context_ + space_;
  whole += text;
  std::vector<TokenId> ids = tokenizer_.encode(whole);
  if (ids.size() <= ids_.size()) {
    fail("the tokenizer gives '{}' no tokens of its own after its context", text);
  }
  ids.erase(ids.begin(), ids.begin() + std::ssize(ids_));
  return ids;
}

}  // namespace lightmamba

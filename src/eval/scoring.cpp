#include "eval/scoring.h"

#include <algorithm>
#include <cmath>

#include "base/fail.h"
#include "io/unicode.h"

namespace lightmamba {
namespace {

// Size of `text` without the white space at its end.
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

double token_nll(std::span<const float> logits, TokenId target) {
  if (target < 0 || target >= std::ssize(logits)) {
    fail("token id {} is outside the vocabulary of {}", target, logits.size());
  }
  const auto largest = static_cast<double>(*std::max_element(logits.begin(), logits.end()));
  double sum = 0;
  for (const float logit : logits) sum += std::exp(static_cast<double>(logit) - largest);
  const double nll =
      std::log(sum) + largest - static_cast<double>(logits[static_cast<std::size_t>(target)]);
  if (std::isnan(nll)) fail("the model's logits are not numbers");
  return nll;
}

bool is_most_likely(std::span<const float> logits, TokenId target) {
  return std::max_element(logits.begin(), logits.end()) - logits.begin() == target;
}

ContextScorer::ContextScorer(const Model& model, std::span<const TokenId> context, const Taps* taps)
    : model_(model),
      taps_(taps),
      state_(model.new_state()),
      logits_(model.prefill(state_, context, taps)) {}

ContinuationScore ContextScorer::score(std::span<const TokenId> continuation) const {
  ContinuationScore result;
  const auto add = [&](std::span<const float> logits, TokenId target) {
    result.log_likelihood -= token_nll(logits, target);
    result.greedy = result.greedy && is_most_likely(logits, target);
  };
  add(logits_, continuation.front());
  if (continuation.size() == 1) return result;
  State state = state_;
  model_.prefill_all(
      state, continuation.first(continuation.size() - 1),
      [&](std::int64_t index, std::span<const float> logits) {
        add(logits, continuation[static_cast<std::size_t>(index) + 1]);
      },
      taps_);
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

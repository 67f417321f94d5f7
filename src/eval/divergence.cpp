#include <algorithm>
#include <cmath>
#include <vector>

#include <lightmamba/evaluate.h>

#include "base/fail.h"
#include "eval/text_score.h"

namespace lightmamba {
namespace {

constexpr std::size_t kRows = 256;  // of the reference's logits, held at once

std::vector<double> log_softmax(std::span<const float> logits) {
  std::vector<double> result(logits.begin(), logits.end());
  const double largest = *std::max_element(result.begin(), result.end());
  double sum = 0;
  for (const double logit : result) sum += std::exp(logit - largest);
  const double offset = largest + std::log(sum);
  for (double& value : result) value -= offset;
  return result;
}

double kl_divergence(std::span<const float> reference, std::span<const float> model) {
  const std::vector<double> log_p = log_softmax(reference);
  const std::vector<double> log_q = log_softmax(model);
  double sum = 0;
  for (std::size_t i = 0; i < log_p.size(); ++i) {
    sum += std::exp(log_p[i]) * (log_p[i] - log_q[i]);
  }
  if (std::isnan(sum)) fail("the models' logits are not numbers");
  return sum;
}

auto most_likely(std::span<const float> logits) {
  return std::max_element(logits.begin(), logits.end()) - logits.begin();
}

}  // namespace

Divergence compare_models(const Model& reference, const Model& model,
                          std::span<const TokenId> tokens, const PerplexityOptions& options) {
  const auto vocab = static_cast<std::size_t>(model.config().vocab_size);
  if (reference.config().vocab_size != model.config().vocab_size) {
    fail("models with vocabularies of {} and {} cannot be compared", reference.config().vocab_size,
         vocab);
  }
  TextScore score(model, tokens, options);
  double kl = 0;
  std::int64_t same = 0;
  std::vector<float> rows;
  score.for_each_window([&](std::int64_t begin, std::span<const TokenId> fed) {
    State reference_state = reference.new_state();
    State state = model.new_state();
    for (std::size_t first = 0; first < fed.size(); first += kRows) {
      const std::span part = fed.subspan(first, std::min(kRows, fed.size() - first));
      rows.clear();
      reference.prefill_all(reference_state, part,
                            [&](std::int64_t /*index*/, std::span<const float> logits) {
                              rows.insert(rows.end(), logits.begin(), logits.end());
                            });
      model.prefill_all(
          state, part,
          [&](std::int64_t index, std::span<const float> logits) {
            const std::span expected =
                std::span(rows).subspan(static_cast<std::size_t>(index) * vocab, vocab);
            score.add(begin + static_cast<std::int64_t>(first) + index, logits);
            kl += kl_divergence(expected, logits);
            same += most_likely(expected) == most_likely(logits) ? 1 : 0;
          },
          options.taps);
    }
  });
  Divergence result;
  result.perplexity = score.result();
  const auto count = static_cast<double>(result.perplexity.tokens);
  result.kl = kl / count;
  result.agreement = static_cast<double>(same) / count;
  return result;
}

}  // namespace lightmamba

#include "eval/text_comparison.h"

#include <array>
#include <cmath>
#include <cstdint>
#include <memory>

#include "base/fail.h"
#include "base/threads.h"
#include "eval/logit_rows.h"
#include "eval/scoring.h"
#include "eval/text_score.h"

namespace lightmamba {
namespace {

// Rows of logits [tokens, vocab], one for each token of a part.
struct Rows {
  std::size_t vocab;
  std::span<const float> logits;

  std::span<const float> operator[](std::size_t i) const {
    return logits.subspan(i * vocab, vocab);
  }

  // Calls body(row index) for each in parallel.
  template <typename Body>
  void for_each(const Body& body) const {
    parallel_for(std::ssize(logits) / static_cast<std::int64_t>(vocab),
                 kOperationsPerLogit * static_cast<std::int64_t>(vocab),
                 [&](std::int64_t i) { body(static_cast<std::size_t>(i)); });
  }
};

// The values of the reference that every model is compared with, computed once.
struct ReferenceRows {
  Rows rows;
  std::vector<double> log_sums;       // log_sum_exp() of each row
  std::vector<double> probabilities;  // [tokens, vocab]

  void set(const Rows& found) {
    rows = found;
    log_sums.resize(rows.logits.size() / rows.vocab);
    probabilities.resize(rows.logits.size());
    rows.for_each([&](std::size_t i) {
      const std::span row = rows[i];
      const double log_sum = log_sum_exp(row);
      log_sums[i] = log_sum;
      double* p = probabilities.data() + i * rows.vocab;
      for (std::size_t v = 0; v < rows.vocab; ++v) {
        p[v] = std::exp(static_cast<double>(row[v]) - log_sum);
      }
    });
  }

  // Returns KL(reference || model) after token i.
  double divergence(std::size_t i, std::span<const float> model, double model_log_sum) const {
    const std::span row = rows[i];
    const double log_sum = log_sums[i];
    const double* p = probabilities.data() + i * rows.vocab;
    double sum = 0;
    for (std::size_t v = 0; v < rows.vocab; ++v) {
      const double log_p = static_cast<double>(row[v]) - log_sum;
      const double log_q = static_cast<double>(model[v]) - model_log_sum;
      sum += p[v] * (log_p - log_q);
    }
    if (std::isnan(sum)) fail("the models' logits are not numbers");
    return sum;
  }
};

// One of the models while it runs through the text, with its sums.
class Compared {
 public:
  Compared(const Backend& backend, std::span<const TokenId> tokens,
           const PerplexityOptions& options)
      : backend_(backend), taps_(options.taps), score_(backend.model(), tokens, options) {}

  void add(const TextPart& part, const ReferenceRows& reference, std::vector<float>& room) {
    if (part.first) sequence_ = backend_.open({.taps = taps_});
    const Rows rows{reference.rows.vocab, logit_rows(*sequence_, part.fed, room)};
    std::vector<double> nll(part.fed.size());
    std::vector<double> kl(part.fed.size());
    std::vector<char> same(part.fed.size());
    rows.for_each([&](std::size_t i) {
      const double log_sum = log_sum_exp(rows[i]);
      nll[i] = token_nll(rows[i], part.scored[i], log_sum);
      kl[i] = reference.divergence(i, rows[i], log_sum);
      same[i] = most_likely(rows[i]) == most_likely(reference.rows[i]) ? 1 : 0;
    });
    score_.add(part, nll);
    for (const double value : kl) kl_ += value;
    for (const char value : same) same_ += value;
  }

  Divergence result() const {
    Divergence result;
    result.perplexity = score_.result();
    const auto count = static_cast<double>(result.perplexity.tokens);
    result.kl = kl_ / count;
    result.agreement = static_cast<double>(same_) / count;
    return result;
  }

 private:
  const Backend& backend_;
  const Taps* taps_;
  TextScore score_;
  std::unique_ptr<Sequence> sequence_;
  double kl_ = 0;
  std::int64_t same_ = 0;
};

}  // namespace

TextComparison compare_over_text(const Backend& reference,
                                 std::span<const std::shared_ptr<const Backend>> models,
                                 std::span<const TokenId> tokens,
                                 const PerplexityOptions& options) {
  const std::int64_t vocab = reference.config().vocab_size;
  TextScore score(reference.model(), tokens, options);
  std::vector<Compared> compared;
  compared.reserve(models.size());
  for (const auto& model : models) {
    if (model->config().vocab_size != vocab) {
      fail("models with vocabularies of {} and {} cannot be compared", vocab,
           model->config().vocab_size);
    }
    compared.emplace_back(*model, tokens, options);
  }
  const std::int64_t runs = std::ssize(models) + 1;
  std::unique_ptr<Sequence> sequence;
  std::vector<float> reference_room;
  std::vector<float> room;
  ReferenceRows expected{{static_cast<std::size_t>(vocab), {}}, {}, {}};
  for (const TextPart& part : score.parts()) {
    std::int64_t run = 0;
    const auto report = [&] {
      throw_if_stopped(options.stop);
      ++run;
      if (!options.progress) return;
      options.progress(part.begin + run * std::ssize(part.fed) / runs, score.tokens());
    };
    throw_if_stopped(options.stop);
    if (part.first) sequence = reference.open();
    expected.set({expected.rows.vocab, logit_rows(*sequence, part.fed, reference_room)});
    std::vector<double> nll(part.fed.size());
    for (std::size_t i = 0; i < nll.size(); ++i) {
      nll[i] = token_nll(expected.rows[i], part.scored[i], expected.log_sums[i]);
    }
    score.add(part, nll);
    report();
    for (Compared& each : compared) {
      each.add(part, expected, room);
      report();
    }
  }
  TextComparison result;
  result.reference = score.result();
  result.models.reserve(compared.size());
  for (const Compared& each : compared) result.models.push_back(each.result());
  return result;
}

Divergence compare_models(const Backend& reference, const Backend& model,
                          std::span<const TokenId> tokens, const PerplexityOptions& options) {
  const std::array models = {model.shared_from_this()};
  return compare_over_text(reference, models, tokens, options).models.front();
}

}  // namespace lightmamba

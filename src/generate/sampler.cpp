#include <algorithm>
#include <cmath>
#include <functional>
#include <limits>
#include <random>
#include <vector>

#include <lightmamba/sampler.h>

#include "base/fail.h"

namespace lightmamba {
namespace {

constexpr float kMinusInfinity = -std::numeric_limits<float>::infinity();

void validate(const SamplingOptions& options) {
  // The condition also fails for NaN.
  if (!(options.temperature >= 0 && std::isfinite(options.temperature))) {
    fail("temperature must be 0 or a positive number, not {}", options.temperature);
  }
  if (options.top_k < 0) fail("top_k must not be negative, but is {}", options.top_k);
  if (!(options.top_p > 0 && options.top_p <= 1)) {
    fail("top_p must be above 0 and at most 1, not {}", options.top_p);
  }
  if (!(options.repeat_penalty > 0 && std::isfinite(options.repeat_penalty))) {
    fail("repeat_penalty must be a positive number, not {}", options.repeat_penalty);
  }
  if (options.repeat_window < 0) {
    fail("repeat_window must not be negative, but is {}", options.repeat_window);
  }
}

// std::uniform_real_distribution may differ between standard libraries; the 53 high bits do not.
double uniform(std::mt19937_64& random) { return static_cast<double>(random() >> 11) * 0x1p-53; }

std::vector<TokenId> ids_with_token(const Model& model) {
  std::vector<TokenId> ids;
  for (TokenId id = 0; id < model.config().vocab_size; ++id) {
    if (!model.has_tokenizer() || model.tokenizer().has_token(id)) ids.push_back(id);
  }
  return ids;
}

void check_ids(std::span<const float> logits, std::span<const TokenId> ids) {
  for (const TokenId id : ids) {
    if (id < 0 || id >= std::ssize(logits)) {
      fail("cannot sample: token id {} is outside the {} logits", id, logits.size());
    }
  }
}

}  // namespace

class Sampler::Steps {
 public:
  Steps(const SamplingOptions& options, std::vector<TokenId> allowed)
      : options_(options), allowed_(std::move(allowed)), random_(options.seed) {
    validate(options_);
    candidates_.reserve(allowed_.size());
  }

  std::span<const TokenId> allowed() const { return allowed_; }
  TokenId sample(std::span<const float> logits, std::span<const TokenId> seen,
                 std::span<const TokenId> allowed);

 private:
  struct Candidate {
    TokenId id;
    float logit;
    double weight;  // proportional to the probability
  };

  static bool ranks_before(const Candidate& a, const Candidate& b);

  void penalize(std::span<const float> logits, std::span<const TokenId> seen);
  TokenId largest(std::span<const TokenId> allowed) const;
  void collect_candidates(std::span<const TokenId> allowed, float largest_logit);
  void keep_top_k();
  void keep_top_p();
  TokenId draw();

  SamplingOptions options_;
  std::vector<TokenId> allowed_;
  std::mt19937_64 random_;
  std::vector<float> logits_;  // after the penalty  [vocab_size]
  std::vector<Candidate> candidates_;
};

bool Sampler::Steps::ranks_before(const Candidate& a, const Candidate& b) {
  return a.logit != b.logit ? a.logit > b.logit : a.id < b.id;
}

TokenId Sampler::Steps::sample(std::span<const float> logits, std::span<const TokenId> seen,
                               std::span<const TokenId> allowed) {
  check_ids(logits, allowed);
  if (std::ranges::adjacent_find(allowed, std::greater_equal<>()) != allowed.end()) {
    fail("cannot sample: the ids that may be chosen do not ascend");
  }
  logits_.assign(logits.begin(), logits.end());
  penalize(logits, seen);
  const TokenId best = largest(allowed);
  if (options_.temperature == 0) return best;
  collect_candidates(allowed, logits_[static_cast<std::size_t>(best)]);
  keep_top_k();
  keep_top_p();
  return draw();
}

void Sampler::Steps::penalize(std::span<const float> logits, std::span<const TokenId> seen) {
  if (options_.repeat_penalty == 1) return;
  const auto window = static_cast<std::size_t>(options_.repeat_window);
  if (window > 0 && seen.size() > window) seen = seen.last(window);
  check_ids(logits, seen);
  for (const TokenId id : seen) {
    // The penalty applies to the original logit, so that a token seen twice is not penalized twice.
    const float logit = logits[static_cast<std::size_t>(id)];
    logits_[static_cast<std::size_t>(id)] =
        logit > 0 ? logit / options_.repeat_penalty : logit * options_.repeat_penalty;
  }
}

TokenId Sampler::Steps::largest(std::span<const TokenId> allowed) const {
  TokenId best = -1;
  float best_logit = kMinusInfinity;
  for (const TokenId id : allowed) {
    const float logit = logits_[static_cast<std::size_t>(id)];
    if (std::isnan(logit) || logit == -kMinusInfinity) {
      fail("cannot sample: the logit of token {} is {}", id, logit);
    }
    if (logit > best_logit) {
      best = id;
      best_logit = logit;
    }
  }
  if (best < 0) fail("cannot sample: no token has a finite logit");
  return best;
}

void Sampler::Steps::collect_candidates(std::span<const TokenId> allowed, float largest_logit) {
  candidates_.clear();
  const double scale = 1.0 / static_cast<double>(options_.temperature);
  for (const TokenId id : allowed) {
    const float logit = logits_[static_cast<std::size_t>(id)];
    const double below = static_cast<double>(logit) - static_cast<double>(largest_logit);
    const double weight = std::exp(below * scale);
    if (weight > 0) candidates_.push_back({id, logit, weight});
  }
}

void Sampler::Steps::keep_top_k() {
  const auto k = static_cast<std::size_t>(options_.top_k);
  if (k == 0 || k >= candidates_.size()) return;
  const auto end = candidates_.begin() + static_cast<std::ptrdiff_t>(k);
  std::nth_element(candidates_.begin(), end, candidates_.end(), ranks_before);
  candidates_.erase(end, candidates_.end());
  // nth_element leaves an order of the library's choosing, and the draw depends on the order.
  std::sort(candidates_.begin(), candidates_.end(),
            [](const Candidate& a, const Candidate& b) { return a.id < b.id; });
}

void Sampler::Steps::keep_top_p() {
  if (options_.top_p >= 1) return;
  double sum = 0;
  for (const Candidate& candidate : candidates_) sum += candidate.weight;
  const double wanted = static_cast<double>(options_.top_p) * sum;

  // Tokens that are so unlikely that all of them together may be left out need no sorting.
  const double negligible = (sum - wanted) / static_cast<double>(candidates_.size());
  std::erase_if(candidates_,
                [&](const Candidate& candidate) { return candidate.weight < negligible; });
  std::sort(candidates_.begin(), candidates_.end(), ranks_before);
  double reached = 0;
  const auto last =
      std::find_if(candidates_.begin(), candidates_.end(), [&](const Candidate& candidate) {
        reached += candidate.weight;
        return reached >= wanted;
      });
  if (last != candidates_.end()) candidates_.erase(last + 1, candidates_.end());
}

TokenId Sampler::Steps::draw() {
  double sum = 0;
  for (const Candidate& candidate : candidates_) sum += candidate.weight;
  const double target = uniform(random_) * sum;
  double reached = 0;
  for (const Candidate& candidate : candidates_) {
    reached += candidate.weight;
    if (reached > target) return candidate.id;
  }
  return candidates_.back().id;
}

Sampler::Sampler(const SamplingOptions& options, std::span<const TokenId> allowed)
    : steps_(
          std::make_unique<Steps>(options, std::vector<TokenId>(allowed.begin(), allowed.end()))) {}
Sampler::Sampler(const SamplingOptions& options, const Model& model)
    : steps_(std::make_unique<Steps>(options, ids_with_token(model))) {}
Sampler::~Sampler() = default;
Sampler::Sampler(Sampler&&) noexcept = default;
Sampler& Sampler::operator=(Sampler&&) noexcept = default;

TokenId Sampler::sample(std::span<const float> logits, std::span<const TokenId> seen) {
  return steps_->sample(logits, seen, steps_->allowed());
}

TokenId Sampler::sample(std::span<const float> logits, std::span<const TokenId> seen,
                        std::span<const TokenId> allowed) {
  return steps_->sample(logits, seen, allowed);
}

}  // namespace lightmamba

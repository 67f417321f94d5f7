#include <algorithm>
#include <cmath>
#include <limits>
#include <map>
#include <numeric>
#include <random>
#include <vector>

#include <lightmamba/sampler.h>

#include "support/errors.h"

namespace lightmamba {
namespace {

using test::error_of;
using ::testing::HasSubstr;

constexpr float kInfinity = std::numeric_limits<float>::infinity();

std::vector<TokenId> all_ids(std::size_t count) {
  std::vector<TokenId> ids(count);
  std::iota(ids.begin(), ids.end(), 0);
  return ids;
}

std::vector<TokenId> ids_of(std::vector<TokenId> ids) { return ids; }

TokenId sample_once(const std::vector<float>& logits, const SamplingOptions& options,
                    const std::vector<TokenId>& seen = {}) {
  return Sampler(options, all_ids(logits.size())).sample(logits, seen);
}

std::vector<float> random_logits(std::size_t count, unsigned seed) {
  std::mt19937 random(seed);
  std::vector<float> logits(count);
  // Coarse steps, so that there are ties.
  for (float& logit : logits) logit = static_cast<float>(random() % 32) / 4 - 4;
  return logits;
}

// The distribution by the definition: everything sorted, every step normalized anew.
std::map<TokenId, double> reference_distribution(const std::vector<float>& logits,
                                                 const SamplingOptions& options,
                                                 std::vector<TokenId> seen) {
  std::vector<double> scores(logits.begin(), logits.end());
  if (options.repeat_window > 0 && std::ssize(seen) > options.repeat_window) {
    seen.erase(seen.begin(), seen.end() - options.repeat_window);
  }
  std::sort(seen.begin(), seen.end());
  seen.erase(std::unique(seen.begin(), seen.end()), seen.end());
  const auto penalty = static_cast<double>(options.repeat_penalty);
  for (const TokenId id : seen) {
    double& score = scores[static_cast<std::size_t>(id)];
    score = static_cast<double>(static_cast<float>(score > 0 ? score / penalty : score * penalty));
  }
  std::vector<TokenId> order = all_ids(logits.size());
  std::stable_sort(order.begin(), order.end(), [&](TokenId a, TokenId b) {
    return scores[static_cast<std::size_t>(a)] > scores[static_cast<std::size_t>(b)];
  });
  if (options.top_k > 0 && options.top_k < std::ssize(order)) {
    order.resize(static_cast<std::size_t>(options.top_k));
  }
  const auto weight = [&](TokenId id) {
    return std::exp(scores[static_cast<std::size_t>(id)] /
                    static_cast<double>(options.temperature));
  };
  double sum = 0;
  for (const TokenId id : order) sum += weight(id);
  std::map<TokenId, double> result;
  double reached = 0;
  for (const TokenId id : order) {
    if (reached / sum >= static_cast<double>(options.top_p)) break;
    reached += weight(id);
    result[id] = weight(id);
  }
  for (auto& [id, probability] : result) probability /= reached;
  return result;
}

void expect_frequencies(const std::vector<float>& logits, const SamplingOptions& options,
                        const std::vector<TokenId>& seen = {}) {
  const auto expected = reference_distribution(logits, options, seen);
  constexpr int kDraws = 100'000;
  std::map<TokenId, int> counts;
  Sampler sampler(options, all_ids(logits.size()));
  for (int i = 0; i < kDraws; ++i) ++counts[sampler.sample(logits, seen)];
  for (const auto& [id, count] : counts) {
    EXPECT_TRUE(expected.contains(id)) << id << " drawn " << count << " times";
  }
  for (const auto& [id, probability] : expected) {
    const double deviation = std::sqrt(probability * (1 - probability) / kDraws);
    EXPECT_NEAR(static_cast<double>(counts[id]) / kDraws, probability, 5 * deviation) << id;
  }
}

TEST(Sampler, FrequenciesAreTheSoftmax) {
  const std::vector<float> logits = random_logits(30, 1);
  expect_frequencies(logits, {.temperature = 1.0F});
  expect_frequencies(logits, {.temperature = 0.7F, .seed = 5});
  expect_frequencies(logits, {.temperature = 3.0F, .seed = 6});
}

TEST(Sampler, FrequenciesWithEveryFilterAreThoseOfTheDefinition) {
  const std::vector<TokenId> seen = {3, 7, 7, 1, 0, 7, 12, 4};
  for (unsigned seed = 0; seed < 2; ++seed) {
    const std::vector<float> logits = random_logits(25, seed + 10);
    SCOPED_TRACE(seed);
    expect_frequencies(logits, {.temperature = 1.5F, .top_k = 5, .seed = seed});
    expect_frequencies(logits, {.temperature = 1.5F, .top_p = 0.8F, .seed = seed});
    expect_frequencies(logits, {.temperature = 0.9F, .repeat_penalty = 1.3F, .seed = seed}, seen);
    expect_frequencies(logits,
                       {.temperature = 2.0F,
                        .top_k = 12,
                        .top_p = 0.7F,
                        .repeat_penalty = 1.2F,
                        .repeat_window = 3,
                        .seed = seed},
                       seen);
  }
}

TEST(Sampler, TheFiltersKeepExactlyWhatTheDefinitionKeeps) {
  for (unsigned seed = 0; seed < 50; ++seed) {
    const std::vector<float> logits = random_logits(200, seed);
    const SamplingOptions options{.temperature = 1.0F + static_cast<float>(seed % 3),
                                  .top_k = static_cast<int>(seed % 5) * 20,
                                  .top_p = 0.05F + static_cast<float>(seed % 7) * 0.1F,
                                  .seed = seed};
    const auto expected = reference_distribution(logits, options, {});
    Sampler sampler(options, all_ids(logits.size()));
    for (int i = 0; i < 200; ++i) ASSERT_TRUE(expected.contains(sampler.sample(logits, {})));
  }
}

TEST(Sampler, GreedyTakesTheLargestAndOfEqualOnesTheLowestId) {
  EXPECT_EQ(sample_once({1, 3, 2}, {}), 1);
  EXPECT_EQ(sample_once({1, 3, 2, 3}, {}), 1);
  EXPECT_EQ(sample_once({-5, -5, -5}, {}), 0);
  EXPECT_EQ(sample_once({-kInfinity, -7, -kInfinity}, {}), 1);
}

TEST(Sampler, TheNarrowestFiltersAreGreedy) {
  for (unsigned seed = 0; seed < 50; ++seed) {
    const std::vector<float> logits = random_logits(40, seed);
    const TokenId best = sample_once(logits, {});
    EXPECT_EQ(sample_once(logits, {.temperature = 5, .top_k = 1, .seed = seed}), best);
    EXPECT_EQ(sample_once(logits, {.temperature = 5, .top_p = 1e-9F, .seed = seed}), best);
  }
  // Temperatures that overflow the quotient of the logits.
  EXPECT_EQ(sample_once({1, 3, 2}, {.temperature = 1e-45F}), 1);
}

TEST(Sampler, TopPKeepsTheTokenThatReachesIt) {
  const std::vector<float> logits = {0, std::log(2.0F), std::log(4.0F),
                                     std::log(1.0F)};  // the sum is 8
  const auto drawn = [&](float top_p) {
    Sampler sampler({.temperature = 1, .top_p = top_p}, all_ids(4));
    std::map<TokenId, int> counts;
    for (int i = 0; i < 2000; ++i) ++counts[sampler.sample(logits, {})];
    return counts.size();
  };
  EXPECT_EQ(drawn(0.49F), 1u);
  EXPECT_EQ(drawn(0.51F), 2u);
  EXPECT_EQ(drawn(0.74F), 2u);
  EXPECT_EQ(drawn(0.76F), 3u);
  EXPECT_EQ(drawn(0.88F), 4u);
}

TEST(Sampler, DrawsByTheHighBitsOfMersenneTwister) {
  std::mt19937_64 random(42);
  Sampler sampler({.temperature = 1, .seed = 42}, all_ids(4));
  const std::vector<float> logits = {1, 1, 1, 1};
  for (int i = 0; i < 1000; ++i) {
    ASSERT_EQ(sampler.sample(logits, {}), static_cast<TokenId>(random() >> 62));
  }
}

TEST(Sampler, OnlyAllowedIdsAreChosen) {
  const std::vector<float> logits = {9, 1, 8, 1, 7};
  EXPECT_EQ(Sampler({}, ids_of({1, 2, 3})).sample(logits, {}), 2);
  Sampler sampler({.temperature = 10, .top_k = 2}, ids_of({1, 3, 4}));
  std::map<TokenId, int> counts;
  for (int i = 0; i < 1000; ++i) ++counts[sampler.sample(logits, {})];
  EXPECT_EQ(counts.size(), 2u);
  EXPECT_TRUE(counts.contains(1));
  EXPECT_TRUE(counts.contains(4));
}

TEST(Sampler, AStepMayAllowOtherIds) {
  const std::vector<float> logits = {9, 1, 8, 1, 7};
  Sampler sampler({}, ids_of({1, 2, 3}));
  EXPECT_EQ(sampler.sample(logits, {}, ids_of({3, 4})), 4);
  EXPECT_EQ(sampler.sample(logits, {}), 2);
  EXPECT_THAT(error_of([&] { sampler.sample(logits, {}, {}); }), HasSubstr("no token has"));
}

// A step among few ids draws as a sampler that was made for them: what is forbidden has no part in
// the distribution or its filters.
TEST(Sampler, ConstrainedDrawsAreThoseOfASamplerOfTheseIds) {
  const std::vector<float> logits = random_logits(40, 5);
  const std::vector<TokenId> few = ids_of({2, 3, 5, 7, 11, 13, 17, 19, 23, 29, 31, 37});
  const SamplingOptions options{.temperature = 2, .top_k = 9, .top_p = 0.9F, .seed = 3};
  Sampler all(options, all_ids(logits.size()));
  Sampler of_few(options, few);
  for (int i = 0; i < 200; ++i) ASSERT_EQ(all.sample(logits, {}, few), of_few.sample(logits, {}));
}

TEST(Sampler, RefusesIdsThatDoNotIndexTheLogits) {
  const std::vector<float> logits = {1, 2};
  const auto refusal = [&](const std::vector<TokenId>& seen, const std::vector<TokenId>& allowed) {
    return error_of(
        [&] { Sampler({.repeat_penalty = 2}, all_ids(2)).sample(logits, seen, allowed); });
  };
  EXPECT_THAT(refusal({}, {0, 2}), HasSubstr("token id 2 is outside the 2 logits"));
  EXPECT_THAT(refusal({}, {-1}), HasSubstr("token id -1 is outside"));
  EXPECT_THAT(refusal({5}, {0}), HasSubstr("token id 5 is outside"));
  EXPECT_THAT(refusal({}, {1, 0}), HasSubstr("do not ascend"));
  EXPECT_THAT(refusal({}, {1, 1}), HasSubstr("do not ascend"));
}

TEST(Sampler, PenalizesSeenTokensOnceAndInTheWindowOnly) {
  EXPECT_EQ(sample_once({2, 3, -1}, {.repeat_penalty = 2}, {1}), 0);
  EXPECT_EQ(sample_once({1, 3, -1}, {.repeat_penalty = 2}, {1, 1, 1}), 1);
  EXPECT_EQ(sample_once({-3, -2}, {.repeat_penalty = 2}, {1}), 0);
  EXPECT_EQ(sample_once({2, 3, -1}, {.repeat_penalty = 0.5F}, {0}), 0);
  const SamplingOptions narrow{.repeat_penalty = 2, .repeat_window = 2};
  EXPECT_EQ(sample_once({2, 3, -1}, narrow, {1, 2, 2}), 1);
  EXPECT_EQ(sample_once({2, 3, -1}, narrow, {2, 1, 2}), 0);
  std::vector<TokenId> long_ago(1000, 2);
  long_ago.front() = 1;
  EXPECT_EQ(sample_once({2, 3, -1}, {.repeat_penalty = 2, .repeat_window = 0}, long_ago), 0);
}

TEST(Sampler, RefusesOptionsOutOfRange) {
  const auto refusal = [](const SamplingOptions& options) {
    return error_of([&] { Sampler(options, ids_of({0})); });
  };
  EXPECT_THAT(refusal({.temperature = -1}), HasSubstr("temperature must be 0 or a positive"));
  EXPECT_THAT(refusal({.temperature = NAN}), HasSubstr("temperature"));
  EXPECT_THAT(refusal({.temperature = kInfinity}), HasSubstr("temperature"));
  EXPECT_THAT(refusal({.top_k = -1}), HasSubstr("top_k must not be negative, but is -1"));
  EXPECT_THAT(refusal({.top_p = 0}), HasSubstr("top_p must be above 0 and at most 1, not 0"));
  EXPECT_THAT(refusal({.top_p = 1.5F}), HasSubstr("top_p"));
  EXPECT_THAT(refusal({.top_p = NAN}), HasSubstr("top_p"));
  EXPECT_THAT(refusal({.repeat_penalty = 0}), HasSubstr("repeat_penalty must be a positive"));
  EXPECT_THAT(refusal({.repeat_penalty = NAN}), HasSubstr("repeat_penalty"));
  EXPECT_THAT(refusal({.repeat_window = -1}), HasSubstr("repeat_window"));
}

TEST(Sampler, RefusesLogitsThatAreNotNumbers) {
  for (const float temperature : {0.0F, 1.0F}) {
    const SamplingOptions options{.temperature = temperature};
    EXPECT_THAT(error_of([&] {
                  sample_once({1, NAN, 2}, options);
                }),
                HasSubstr("the logit of token 1 is nan"));
    EXPECT_THAT(error_of([&] {
                  sample_once({1, 2, kInfinity}, options);
                }),
                HasSubstr("the logit of token 2 is inf"));
    EXPECT_THAT(error_of([&] {
                  sample_once({-kInfinity, -kInfinity}, options);
                }),
                HasSubstr("no token has a finite logit"));
    EXPECT_EQ(sample_once({-kInfinity, 0, -kInfinity}, options), 1);
  }
}

}  // namespace
}  // namespace lightmamba

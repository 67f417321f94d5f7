// Evaluation on the engine gives what evaluation on the reference gives.
#include <algorithm>
#include <cmath>

#include <lightmamba/engine.h>
#include <lightmamba/evaluate.h>
#include <lightmamba/quantize.h>

#include "base/threads.h"
#include "eval/scoring.h"
#include "eval/text_comparison.h"
#include "support/errors.h"
#include "support/likelihood.h"
#include "support/on_reference.h"
#include "support/paths.h"
#include "support/quantized.h"
#include "support/shipped_text.h"

namespace lightmamba {
namespace {

using test::shipped;
using test::some_text;
using ::testing::HasSubstr;

// In windows of two segments and a part of one. Where activations have 4 bits, roundings that fall
// the other way are felt, and over so few tokens they do not average out to 0.2 %.
TEST(EngineEvaluation, PerplexityIsThatOfTheReference) {
  struct Case {
    Scheme scheme;
    SsmFormat ssm;
    double bound;
  };
  const std::vector<TokenId> tokens = some_text(1801);
  constexpr std::int64_t kContext = 600;
  for (const Case& each :
       {Case{{8, 8}, SsmFormat::floating, 0.002}, Case{{4, 8}, SsmFormat::floating, 0.002},
        Case{{8, 8}, SsmFormat::pot8, 0.002}, Case{{4, 4}, SsmFormat::floating, 0.005}}) {
    const Model model = quantize(shipped(), {.scheme = each.scheme, .ssm = each.ssm}).model;
    const double expected = perplexity(model, tokens, {.context = kContext}).perplexity;
    const double found =
        perplexity(*engine_backend(model), tokens, {.context = kContext}).perplexity;
    EXPECT_NEAR(found, expected, each.bound * expected)
        << scheme_name(each.scheme) << (each.ssm == SsmFormat::pot8 ? " pot8" : "");
    EXPECT_NE(found, expected);  // it did not run on the reference
  }
}

TEST(EngineEvaluation, RefusesTaps) {
  const std::vector<TokenId> tokens = some_text(300);
  const Model model = quantize(shipped(), {.scheme = {8, 8}}).model;
  std::int64_t seen = 0;
  Taps taps;
  taps.set(Tap::head_input, [&](const TapValue& value) { seen += value.rows; });
  const PerplexityOptions options{.context = 280, .taps = &taps};
  EXPECT_THAT(test::error_of([&] { perplexity(*engine_backend(model), tokens, options); }),
              HasSubstr("taps run on the reference only, not on the back end engine"));
  EXPECT_EQ(seen, 0);
  perplexity(model, tokens, options);
  EXPECT_EQ(seen, 299);
}

TEST(EngineEvaluation, ContinuationsAreScoredAsFromScratch) {
  const auto backend =
      engine_backend(quantize(test::load_random_model(), {.scheme = {8, 8}, .group = 16}).model);
  const std::vector<TokenId> context = test::random_tokens(70, 37);
  const ContextScorer scorer(*backend, context, nullptr);
  for (const std::int64_t length : {1, 2, 9, 300, 2}) {
    const std::vector<TokenId> continuation = test::random_tokens(length, 37, 5);
    std::vector<TokenId> whole = context;
    whole.insert(whole.end(), continuation.begin(), continuation.end());
    const auto each = test::likelihoods_by_decode(*backend, whole);
    double expected = 0;
    for (std::size_t i = context.size() - 1; i < each.size(); ++i) expected -= each[i].nll;
    EXPECT_NEAR(scorer.score(continuation).log_likelihood, expected, 2e-3 * std::abs(expected));
  }
}

bool same(const Divergence& a, const Divergence& b) {
  return a.kl == b.kl && a.agreement == b.agreement && a.perplexity.nll == b.perplexity.nll;
}

TEST(CompareOverText, ModelsDoNotDisturbEachOtherOnAnyNumberOfThreads) {
  const Model model = test::load_random_model();
  const auto quantized = [&](const Scheme& scheme) {
    return quantize(model, {.scheme = scheme, .group = 16}).model;
  };
  const auto exact = reference_backend(model);
  const Backend& reference = *exact;
  const std::vector<std::shared_ptr<const Backend>> models = {reference_backend(quantized({4, 16})),
                                                              engine_backend(quantized({4, 4})),
                                                              engine_backend(quantized({8, 8}))};
  const std::vector<TokenId> tokens = test::random_tokens(1401, 37);
  const PerplexityOptions options{.context = 700};
  const TextComparison expected = compare_over_text(reference, models, tokens, options);
  ASSERT_EQ(expected.models.size(), models.size());
  EXPECT_EQ(expected.reference.nll, perplexity(reference, tokens, options).nll);
  for (std::size_t i = 0; i < models.size(); ++i) {
    EXPECT_GT(expected.models[i].kl, 0);
    EXPECT_TRUE(same(expected.models[i], compare_models(reference, *models[i], tokens, options)));
    EXPECT_EQ(expected.models[i].perplexity.nll, perplexity(*models[i], tokens, options).nll);
  }
  for (const int threads : {1, 5}) {
    set_thread_count(threads);
    const TextComparison found = compare_over_text(reference, models, tokens, options);
    EXPECT_EQ(found.reference.nll, expected.reference.nll) << threads;
    for (std::size_t i = 0; i < models.size(); ++i) {
      EXPECT_TRUE(same(found.models[i], expected.models[i])) << threads;
    }
  }
  set_thread_count(0);
}

TEST(CompareOverText, ReportsProgressInTokensOfTheText) {
  const auto backend = reference_backend(test::load_random_model());
  std::vector<std::int64_t> done;
  compare_over_text(*backend, std::vector(3, backend), test::random_tokens(600, 37),
                    {.context = 500, .progress = [&](std::int64_t tokens, std::int64_t total) {
                       EXPECT_EQ(total, 599);
                       done.push_back(tokens);
                     }});
  EXPECT_TRUE(std::is_sorted(done.begin(), done.end()));
  EXPECT_EQ(done.size(), 12u);  // four models in each of three parts
  EXPECT_EQ(done.front(), 64);  // a quarter of the first part
  EXPECT_EQ(done.back(), 599);
}

}  // namespace
}  // namespace lightmamba

#include <algorithm>
#include <cmath>

#include <lightmamba/evaluate.h>
#include <lightmamba/load.h>

#include "support/errors.h"
#include "support/on_reference.h"
#include "support/paths.h"
#include "support/random_model.h"

namespace lightmamba {
namespace {

using test::RandomModel;
using ::testing::HasSubstr;

Model random_model(unsigned seed, std::int64_t vocab_size = 37) {
  const test::TemporaryFolder folder;
  RandomModel({.vocab_size = vocab_size, .seed = seed}).write_hugging_face(folder / "m");
  return open_model(folder / "m");
}

std::vector<TokenId> some_tokens(std::size_t count) {
  std::vector<TokenId> tokens(count);
  for (std::size_t i = 0; i < count; ++i) tokens[i] = static_cast<TokenId>(i * i * 7 % 37);
  return tokens;
}

// By the definition, one decode() per token, in long double.
Divergence by_definition(const Model& reference, const Model& model,
                         const std::vector<TokenId>& tokens, std::size_t context) {
  Divergence result;
  const auto reference_runs = reference_backend(reference);
  const auto model_runs = reference_backend(model);
  auto sequence_a = reference_runs->open();
  auto sequence_b = model_runs->open();
  for (std::size_t t = 0; t + 1 < tokens.size(); ++t) {
    if (t % context == 0) {
      sequence_a = reference_runs->open();
      sequence_b = model_runs->open();
    }
    const std::span a = sequence_a->decode(tokens[t]);
    const std::span b = sequence_b->decode(tokens[t]);
    long double sum_a = 0;
    long double sum_b = 0;
    for (std::size_t i = 0; i < 37; ++i) {
      sum_a += std::exp(static_cast<long double>(a[i]));
      sum_b += std::exp(static_cast<long double>(b[i]));
    }
    for (std::size_t i = 0; i < 37; ++i) {
      const long double p = std::exp(static_cast<long double>(a[i])) / sum_a;
      const long double q = std::exp(static_cast<long double>(b[i])) / sum_b;
      result.kl += static_cast<double>(p * std::log(p / q));
    }
    result.agreement += std::max_element(a.begin(), a.end()) - a.begin() ==
                                std::max_element(b.begin(), b.end()) - b.begin()
                            ? 1
                            : 0;
  }
  result.kl /= static_cast<double>(tokens.size() - 1);
  result.agreement /= static_cast<double>(tokens.size() - 1);
  return result;
}

// Windows longer than the rows of logits held at once, and a part of one at the end.
TEST(CompareModels, AgreesWithItsDefinition) {
  const Model reference = random_model(1);
  const Model model = random_model(2);
  const std::vector<TokenId> tokens = some_tokens(901);
  for (const std::int64_t context : {50, 600}) {
    const Divergence found = compare_models(reference, model, tokens, {.context = context});
    const Divergence expected =
        by_definition(reference, model, tokens, static_cast<std::size_t>(context));
    EXPECT_GT(found.kl, 0.01);
    EXPECT_NEAR(found.kl, expected.kl, 1e-4 * expected.kl);
    EXPECT_NEAR(found.agreement, expected.agreement, 2.0 / 900);
    const PerplexityResult own = perplexity(model, tokens, {.context = context});
    EXPECT_NEAR(found.perplexity.nll, own.nll, 1e-5 * own.nll);
    EXPECT_EQ(found.perplexity.tokens, own.tokens);
  }
}

TEST(CompareModels, AModelDoesNotDifferFromItself) {
  const Model model = random_model(1);
  const Divergence found = compare_models(model, model, some_tokens(700));
  EXPECT_EQ(found.kl, 0);
  EXPECT_EQ(found.agreement, 1);
}

TEST(CompareModels, TapsAreThoseOfTheModelAlone) {
  const Model model = random_model(1);
  Taps taps;
  taps.set(Tap::logits, [](const TapValue& value) {
    for (float& logit : value.data) logit = -logit;
  });
  const Divergence found = compare_models(model, model, some_tokens(100), {.taps = &taps});
  EXPECT_GT(found.kl, 0.01);
  EXPECT_LT(found.agreement, 0.5);
}

TEST(CompareModels, StopsBetweenModels) {
  const Model model = random_model(1);
  std::stop_source source;
  int calls = 0;
  const PerplexityOptions options{.progress =
                                      [&](std::int64_t /*done*/, std::int64_t /*total*/) {
                                        ++calls;
                                        source.request_stop();
                                      },
                                  .stop = source.get_token()};
  EXPECT_THROW(compare_models(model, model, some_tokens(700), options), Stopped);
  EXPECT_EQ(calls, 1);
}

TEST(CompareModels, RefusesWhatCannotBeCompared) {
  const Model model = random_model(1);
  EXPECT_THAT(test::error_of([&] { compare_models(random_model(1, 38), model, some_tokens(9)); }),
              HasSubstr("vocabularies of 38 and 37"));
  EXPECT_THAT(test::error_of([&] { compare_models(model, model, {}); }),
              HasSubstr("at least 2 tokens"));
  Taps taps;
  taps.set(Tap::logits, [](const TapValue& value) { value.data[7] = NAN; });
  EXPECT_THAT(
      test::error_of([&] { compare_models(model, model, some_tokens(9), {.taps = &taps}); }),
      HasSubstr("not numbers"));
}

}  // namespace
}  // namespace lightmamba

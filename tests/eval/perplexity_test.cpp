#include <cmath>
#include <limits>
#include <numbers>
#include <random>

#include <lightmamba/evaluate.h>
#include <lightmamba/load.h>

#include "support/errors.h"
#include "support/likelihood.h"
#include "support/on_reference.h"
#include "support/paths.h"
#include "support/random_model.h"
#include "support/shipped_text.h"

namespace lightmamba {
namespace {

using test::error_of;
using test::RandomModel;
using test::shipped;
using test::some_text;
using ::testing::HasSubstr;

// By the definition: windows, and one decode() per token.
double total_nll_by_decode(const Model& model, std::span<const TokenId> tokens,
                           std::size_t context) {
  double total = 0;
  for (std::size_t begin = 0; begin + 1 < tokens.size(); begin += context) {
    const std::size_t fed_and_last = std::min(context + 1, tokens.size() - begin);
    for (const auto& token :
         test::likelihoods_by_decode(model, tokens.subspan(begin, fed_and_last))) {
      total += token.nll;
    }
  }
  return total;
}

TEST(Perplexity, AgreesWithDecodeForEveryWindow) {
  const std::vector<TokenId> tokens = some_text(81);
  const std::string text = shipped().tokenizer().decode(tokens);
  const auto first_bytes = shipped().tokenizer().token_bytes(tokens.front()).size();
  for (const std::int64_t context : {1, 33, 80, 5000}) {
    const PerplexityResult result = perplexity(shipped(), tokens, {.context = context});
    const double expected =
        total_nll_by_decode(shipped(), tokens, static_cast<std::size_t>(context));
    EXPECT_NEAR(result.nll, expected / 80, 1e-5 * expected / 80) << context;
    EXPECT_DOUBLE_EQ(result.perplexity, std::exp(result.nll));
    EXPECT_EQ(result.tokens, 80);
    EXPECT_EQ(result.bytes, std::ssize(text) - static_cast<std::int64_t>(first_bytes));
    ASSERT_TRUE(result.bits_per_byte);
    EXPECT_NEAR(*result.bits_per_byte,
                result.nll * 80 / std::numbers::ln2 / static_cast<double>(*result.bytes), 1e-12);
  }
}

TEST(Perplexity, IsTheSameEveryTime) {
  const std::vector<TokenId> tokens = some_text(200);
  EXPECT_EQ(perplexity(shipped(), tokens).nll, perplexity(shipped(), tokens).nll);
}

TEST(Perplexity, MaxTokensScoresTheBeginning) {
  const std::vector<TokenId> tokens = some_text(200);
  const PerplexityResult part = perplexity(shipped(), tokens, {.context = 40, .max_tokens = 90});
  const PerplexityResult cut = perplexity(shipped(), std::span(tokens).first(91), {.context = 40});
  EXPECT_EQ(part.tokens, 90);
  EXPECT_EQ(part.nll, cut.nll);
  EXPECT_EQ(perplexity(shipped(), tokens, {.max_tokens = 1000}).tokens, 199);
}

TEST(Perplexity, BinsAreMeansByPositionInTheWindow) {
  const std::vector<TokenId> tokens = some_text(211);
  constexpr std::size_t kContext = 50;
  const PerplexityResult result = perplexity(shipped(), tokens, {.context = kContext, .bin = 20});
  std::vector<double> sums(3);
  std::vector<std::int64_t> counts(3);
  for (std::size_t begin = 0; begin < 210; begin += kContext) {
    const std::size_t fed_and_last = std::min(kContext + 1, tokens.size() - begin);
    std::size_t position = 0;
    for (const auto& token :
         test::likelihoods_by_decode(shipped(), std::span(tokens).subspan(begin, fed_and_last))) {
      sums[position / 20] += token.nll;
      ++counts[position / 20];
      ++position;
    }
  }
  ASSERT_EQ(result.bins.size(), 3u);
  for (std::size_t bin = 0; bin < 3; ++bin) {
    const double expected = sums[bin] / static_cast<double>(counts[bin]);
    EXPECT_EQ(result.bins[bin].begin, static_cast<std::int64_t>(20 * bin));
    EXPECT_EQ(result.bins[bin].tokens, counts[bin]);
    EXPECT_NEAR(result.bins[bin].nll, expected, 1e-5 * expected);
    EXPECT_DOUBLE_EQ(result.bins[bin].perplexity, std::exp(result.bins[bin].nll));
  }
  EXPECT_TRUE(perplexity(shipped(), tokens).bins.empty());
  const PerplexityResult wide = perplexity(shipped(), tokens, {.context = kContext, .bin = 1000});
  ASSERT_EQ(wide.bins.size(), 1u);
  EXPECT_DOUBLE_EQ(wide.bins[0].nll, wide.nll);
}

TEST(Perplexity, ReportsProgressToTheEnd) {
  std::vector<std::int64_t> done;
  perplexity(shipped(), some_text(100),
             {.context = 30, .progress = [&](std::int64_t tokens, std::int64_t total) {
                EXPECT_EQ(total, 99);
                done.push_back(tokens);
              }});
  EXPECT_TRUE(std::is_sorted(done.begin(), done.end()));
  EXPECT_EQ(done.back(), 99);
}

TEST(Perplexity, StopsBetweenParts) {
  std::stop_source source;
  std::int64_t scored = 0;
  const PerplexityOptions options{.context = 64,
                                  .progress =
                                      [&](std::int64_t done, std::int64_t /*total*/) {
                                        scored = done;
                                        source.request_stop();
                                      },
                                  .stop = source.get_token()};
  EXPECT_THROW(perplexity(shipped(), some_text(300), options), Stopped);
  EXPECT_EQ(scored, 64);
}

TEST(Perplexity, TapsChangeIt) {
  Taps taps;
  taps.set(Tap::logits,
           [](const TapValue& value) { std::fill(value.data.begin(), value.data.end(), 1.0F); });
  const PerplexityResult result = perplexity(shipped(), some_text(50), {.taps = &taps});
  EXPECT_NEAR(result.perplexity, 4096, 1e-6);
}

TEST(Perplexity, WithoutATokenizerHasNoBytes) {
  const test::TemporaryFolder folder;
  RandomModel({}).write_hugging_face(folder / "m");
  const Model model = open_model(folder / "m");
  const PerplexityResult result = perplexity(model, std::vector<TokenId>{1, 2, 3});
  EXPECT_EQ(result.tokens, 2);
  EXPECT_FALSE(result.bytes);
  EXPECT_FALSE(result.bits_per_byte);
}

TEST(Perplexity, RefusesBadInput) {
  const std::vector<TokenId> tokens = some_text(10);
  EXPECT_THAT(error_of([&] { perplexity(shipped(), {}); }),
              HasSubstr("at least 2 tokens, but it has 0"));
  EXPECT_THAT(error_of([&] { perplexity(shipped(), std::span(tokens).first(1)); }),
              HasSubstr("at least 2 tokens, but it has 1"));
  EXPECT_THAT(error_of([&] { perplexity(shipped(), tokens, {.context = 0}); }),
              HasSubstr("context must be at least 1"));
  EXPECT_THAT(error_of([&] { perplexity(shipped(), tokens, {.max_tokens = -1}); }),
              HasSubstr("max_tokens must not be negative"));
  EXPECT_THAT(error_of([&] { perplexity(shipped(), tokens, {.bin = -1}); }),
              HasSubstr("bin must not be negative"));
  Taps taps;
  taps.set(Tap::logits, [](const TapValue& value) { value.data[7] = NAN; });
  EXPECT_THAT(error_of([&] { perplexity(shipped(), tokens, {.taps = &taps}); }),
              HasSubstr("not numbers"));
}

TEST(Perplexity, RefusesTokensOutsideTheVocabularyAlsoAtTheEnd) {
  const test::TemporaryFolder folder;
  RandomModel({}).write_hugging_face(folder / "m");
  const Model model = open_model(folder / "m");
  for (const std::vector<TokenId>& bad : {std::vector<TokenId>{1, 37}, {37, 1}, {1, 2, -1}}) {
    EXPECT_THAT(error_of([&] { perplexity(model, bad); }),
                HasSubstr("is outside the vocabulary of 37"));
    EXPECT_THAT(error_of([&] {
                  perplexity(shipped(), std::vector<TokenId>{1, 4096});
                }),
                HasSubstr("no token has id 4096"));
  }
}

// The training code measured 29.39 over all held-out tokens; this is the beginning of one of the
// four sources.
TEST(Perplexity, OfTheShippedModelIsNearItsCard) {
  LIGHTMAMBA_NEEDS_DATA("text/prose-kjv.txt");
  const std::string text = test::read_file(test::data_path("text/prose-kjv.txt")).substr(0, 12'000);
  const PerplexityResult result =
      perplexity(shipped(), shipped().tokenizer().encode(text), {.context = 512});
  EXPECT_GT(result.perplexity, 10);
  EXPECT_LT(result.perplexity, 40);
}

}  // namespace
}  // namespace lightmamba

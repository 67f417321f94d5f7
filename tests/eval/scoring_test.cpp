#include "eval/scoring.h"

#include <cmath>
#include <limits>
#include <random>

#include <lightmamba/load.h>

#include "support/errors.h"
#include "support/likelihood.h"
#include "support/paths.h"
#include "support/random_model.h"

namespace lightmamba {
namespace {

using test::error_of;
using test::RandomModel;
using ::testing::HasSubstr;

constexpr float kInfinity = std::numeric_limits<float>::infinity();

TEST(TokenNll, IsMinusLogSoftmax) {
  const std::vector<float> even = {2, 2, 2, 2};
  EXPECT_DOUBLE_EQ(token_nll(even, 3), std::log(4.0));
  const std::vector<float> logits = {0.5F, -1.25F, 3};
  const double sum = std::exp(0.5) + std::exp(-1.25) + std::exp(3.0);
  EXPECT_NEAR(token_nll(logits, 1), std::log(sum) + 1.25, 1e-14);
}

TEST(TokenNll, NeitherOverflowsNorVanishes) {
  const std::vector<float> logits = {10000, 9999, -10000};
  EXPECT_NEAR(token_nll(logits, 1), 1 + std::log1p(std::exp(-1.0)), 1e-12);
  EXPECT_NEAR(token_nll(logits, 2), 20000 + std::log1p(std::exp(-1.0)), 1e-9);
  const std::vector<float> masked = {0, -kInfinity};
  EXPECT_EQ(token_nll(masked, 0), 0);
  EXPECT_EQ(token_nll(masked, 1), static_cast<double>(kInfinity));
}

TEST(TokenNll, RefusesLogitsThatAreNotNumbers) {
  for (const std::vector<float>& logits :
       {std::vector<float>{1, NAN}, {NAN, 1}, {1, kInfinity}, {-kInfinity, -kInfinity}}) {
    EXPECT_THAT(error_of([&] { token_nll(logits, 0); }), HasSubstr("not numbers"));
  }
}

TEST(IsMostLikely, OfEqualOnesTheLowestId) {
  const std::vector<float> logits = {1, 3, 2, 3};
  EXPECT_TRUE(is_most_likely(logits, 1));
  EXPECT_FALSE(is_most_likely(logits, 3));
  EXPECT_FALSE(is_most_likely(logits, 2));
}

TEST(ContextScorer, EveryContinuationIsScoredAsFromScratch) {
  const test::TemporaryFolder folder;
  RandomModel({}).write_hugging_face(folder / "m");
  const Model model = open_model(folder / "m");
  std::mt19937 random(1);
  const auto random_ids = [&](std::size_t count) {
    std::vector<TokenId> ids(count);
    for (TokenId& id : ids) id = static_cast<TokenId>(random() % 37);
    return ids;
  };
  const std::vector<TokenId> context = random_ids(70);
  const ContextScorer scorer(*reference_backend(model), context, nullptr);
  for (const std::size_t length : {1u, 2u, 9u, 80u, 2u}) {
    const std::vector<TokenId> continuation = random_ids(length);
    std::vector<TokenId> whole = context;
    whole.insert(whole.end(), continuation.begin(), continuation.end());
    const auto each = test::likelihoods_by_decode(model, whole);
    double expected = 0;
    for (std::size_t i = context.size() - 1; i < each.size(); ++i) expected -= each[i].nll;
    EXPECT_NEAR(scorer.score(continuation).log_likelihood, expected, 1e-4 * std::abs(expected));
  }
}

TEST(ContextScorer, GreedyMeansEveryToken) {
  const Model model = open_model(test::shipped_model());
  const std::vector<TokenId> context = model.tokenizer().encode("It was the");
  const auto sequence = reference_backend(model)->open();
  std::span logits = sequence->prefill(context);
  std::vector<TokenId> greedy;
  for (int i = 0; i < 4; ++i) {
    const auto best = std::max_element(logits.begin(), logits.end()) - logits.begin();
    greedy.push_back(static_cast<TokenId>(best));
    logits = sequence->decode(greedy.back());
  }
  const ContextScorer scorer(*reference_backend(model), context, nullptr);
  EXPECT_TRUE(scorer.score(greedy).greedy);
  for (std::size_t i = 0; i < greedy.size(); ++i) {
    std::vector<TokenId> other = greedy;
    other[i] += other[i] == 4095 ? -1 : 1;
    EXPECT_FALSE(scorer.score(other).greedy) << i;
  }
}

class ContextTokensOfText : public ::testing::Test {
 protected:
  const Tokenizer tokenizer_ = Tokenizer::load(test::shipped_model() / "tokenizer.json");
};

TEST_F(ContextTokensOfText, TogetherAreTheEncodingOfTheWhole) {
  const ContextTokens context(tokenizer_, "She said to the");
  EXPECT_EQ(context.ids(), tokenizer_.encode("She said to the"));
  std::vector<TokenId> whole = context.ids();
  const std::vector<TokenId> continuation = context.continuation(" gentleman");
  whole.insert(whole.end(), continuation.begin(), continuation.end());
  EXPECT_EQ(tokenizer_.decode(whole), "She said to the gentleman");
  EXPECT_EQ(whole, tokenizer_.encode("She said to the gentleman"));
}

TEST_F(ContextTokensOfText, SpaceAtTheEndOfTheContextGoesToTheContinuation) {
  for (const std::string space : {" ", "\n", " \n\t ", "\xc2\xa0", "\xe3\x80\x80 "}) {
    const ContextTokens context(tokenizer_, "She said" + space);
    EXPECT_EQ(context.ids(), tokenizer_.encode("She said"));
    EXPECT_EQ(tokenizer_.decode(context.continuation("it")), space + "it");
  }
}

TEST_F(ContextTokensOfText, RefusesATextThatAddsNoToken) {
  const ContextTokens context(tokenizer_, "She said");
  EXPECT_THAT(error_of([&] { context.continuation(""); }), HasSubstr("no tokens of its own"));
}

}  // namespace
}  // namespace lightmamba

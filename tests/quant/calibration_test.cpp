#include "quant/calibration.h"

#include <cmath>
#include <map>
#include <numeric>
#include <random>

#include "support/errors.h"
#include "support/quantized.h"

namespace lightmamba {
namespace {

using test::relative_distance;

TEST(SpreadWindows, TakesWholeWindowsFromAllOverTheText) {
  std::vector<TokenId> tokens(105);
  for (std::size_t i = 0; i < tokens.size(); ++i) tokens[i] = static_cast<TokenId>(i);
  // Four of the ten windows of ten.
  const std::vector<TokenId> chosen = spread_windows(tokens, 10, 45);
  ASSERT_EQ(chosen.size(), 40u);
  std::vector<TokenId> begins;
  for (std::size_t i = 0; i < chosen.size(); ++i) {
    if (i % 10 == 0) {
      begins.push_back(chosen[i]);
    } else {
      EXPECT_EQ(chosen[i], chosen[i - 1] + 1);
    }
  }
  EXPECT_THAT(begins, testing::ElementsAre(0, 20, 50, 70));
}

TEST(SpreadWindows, TakesAShortTextWhole) {
  const std::vector<TokenId> tokens = test::random_tokens(35, 100);
  EXPECT_EQ(spread_windows(tokens, 10, 0), tokens);
  EXPECT_EQ(spread_windows(tokens, 10, 40), tokens);
  EXPECT_EQ(spread_windows(tokens, 10, 35), tokens);
  EXPECT_EQ(spread_windows(tokens, 100, 50), tokens);
  EXPECT_TRUE(spread_windows({}, 10, 0).empty());
  EXPECT_TRUE(spread_windows({}, 10, 20).empty());
  const std::vector<TokenId> max = spread_windows(tokens, 10, 32);
  EXPECT_EQ(max, (std::vector<TokenId>{tokens.begin(), tokens.begin() + 32}));
  // Less than a window is what is asked for of the only one.
  EXPECT_LE(spread_windows(tokens, 35, 20).size(), 35u);
}

TEST(Vocabulary, HasEachTokenOnce) {
  const Vocabulary vocabulary(std::vector<TokenId>{7, 3, 7, 9, 3});
  EXPECT_THAT(vocabulary.words, testing::ElementsAre(7, 3, 9));
  EXPECT_THAT(vocabulary.first, testing::ElementsAre(0, 1, 3));
  EXPECT_THAT(vocabulary.indices, testing::ElementsAre(0, 1, 0, 2, 1));
  EXPECT_TRUE(Vocabulary({}).words.empty());
}

using Seen = std::map<std::pair<Tap, std::int64_t>, std::vector<float>>;

// What passes the taps when each window is prefilled by itself.
Seen seen_by_taps(const Model& model, std::span<const TokenId> tokens, std::size_t window) {
  Seen seen;
  Taps taps;
  for (const Tap tap : {Tap::in_proj_input, Tap::out_proj_input, Tap::residual, Tap::head_input}) {
    taps.set(tap, [&](const TapValue& value) {
      auto& all = seen[{value.tap, value.layer}];
      all.insert(all.end(), value.data.begin(), value.data.end());
    });
  }
  for (std::size_t begin = 0; begin < tokens.size(); begin += window) {
    reference_backend(model)
        ->open({.taps = &taps})
        ->prefill_all(tokens.subspan(begin, std::min(window, tokens.size() - begin)),
                      [](std::int64_t /*index*/, std::span<const float> /*logits*/) {});
  }
  return seen;
}

TEST(CalibrationStream, GivesWhatTapsSeeWindowByWindow) {
  constexpr std::int64_t kWindow = 30;
  for (const std::int64_t ngroups : {1, 2}) {
    const Model model = test::load_random_model({.n_layer = 3, .ngroups = ngroups});
    const std::vector<TokenId> tokens = test::random_tokens(75, 37);
    Seen seen = seen_by_taps(model, tokens, kWindow);
    const Weights& weights = model.weights();
    const Vocabulary vocabulary(tokens);
    AlignedVector<float> embedded(vocabulary.words.size() * 24);
    for (std::size_t i = 0; i < vocabulary.words.size(); ++i) {
      weights.embedding.row_to_float(vocabulary.words[i], std::span(embedded).subspan(i * 24, 24));
    }
    CalibrationStream stream(model.config(), vocabulary, embedded, kWindow, {});
    for (std::int64_t layer = 0; layer < 3; ++layer) {
      const LayerWeights& w = weights.layers[static_cast<std::size_t>(layer)];
      const AlignedVector<float> inputs = stream.in_proj_inputs(w, layer);
      EXPECT_LT(relative_distance(inputs, seen[{Tap::in_proj_input, layer}]), 1e-5);
      const AlignedVector<float> outputs =
          stream.out_proj_inputs(w, layer, stream.gated(w, layer, inputs));
      EXPECT_LT(relative_distance(outputs, seen[{Tap::out_proj_input, layer}]), 1e-5);
      // Looking does not move it.
      EXPECT_EQ(stream.out_proj_inputs(w, layer, stream.gated(w, layer, inputs)), outputs);
      CalibrationStream at_once = stream;
      at_once.advance_from_in_proj(w, layer, inputs);
      stream.advance(w, layer, outputs);
      EXPECT_THAT(at_once.residual(), testing::ElementsAreArray(stream.residual()));
      EXPECT_LT(relative_distance(stream.residual(), seen[{Tap::residual, layer}]), 1e-5);
    }
    EXPECT_LT(relative_distance(stream.head_inputs(weights.norm_f), seen[{Tap::head_input, -1}]),
              1e-5);
    // With one window for all the text the state goes on, and the result is another.
    EXPECT_GT(relative_distance(seen_by_taps(model, tokens, 75)[{Tap::residual, 2}],
                                seen[{Tap::residual, 2}]),
              1e-3);
  }
}

TEST(CalibrationStream, AppliesItsNumerics) {
  const Model model = test::load_random_model();
  Taps numerics;
  numerics.set(Tap::out_proj_input, [](const TapValue& value) {
    for (float& v : value.data) v = 2;
  });
  CalibrationStream stream(model.config(), Vocabulary(std::vector<TokenId>(5)),
                           std::vector<float>(24, 1.0F), 3, numerics);
  const LayerWeights& w = model.weights().layers[0];
  const AlignedVector<float> outputs =
      stream.out_proj_inputs(w, 0, stream.gated(w, 0, stream.in_proj_inputs(w, 0)));
  EXPECT_EQ(outputs.size(), 5u * 48);
  EXPECT_THAT(outputs, testing::Each(2.0F));
}

std::vector<TokenId> all_different(std::size_t count) {
  std::vector<TokenId> tokens(count);
  std::iota(tokens.begin(), tokens.end(), 0);
  return tokens;
}

TEST(CalibrationStream, ThinnedItGoesOnWithSomeOfTheTokens) {
  constexpr std::size_t kTokens = 1000;
  const Model model = test::load_random_model();
  const LayerWeights& w = model.weights().layers[0];
  std::mt19937 generator(3);
  std::normal_distribution<float> normal;
  AlignedVector<float> embedded(kTokens * 24);
  AlignedVector<float> outputs(kTokens * 48);
  for (float& value : embedded) value = normal(generator);
  for (float& value : outputs) value = normal(generator);
  CalibrationStream stream(model.config(), Vocabulary(all_different(kTokens)), embedded, 300, {});
  CalibrationStream thinned = stream;
  stream.advance(w, 0, outputs);
  thinned.thin(outputs, 48);
  thinned.advance(w, 0, outputs);

  // Each row that is left is one of the whole stream's, in order, from its begin to its end.
  const std::span<const float> all = stream.residual();
  const std::span<const float> some = thinned.residual();
  EXPECT_EQ(some.size() / 24, outputs.size() / 48);
  ASSERT_GT(some.size() / 24, 100u);
  ASSERT_LT(some.size() / 24, kTokens / 2);
  std::size_t at = 0;
  for (std::size_t row = 0; row < some.size(); row += 24) {
    while (at < all.size() &&
           relative_distance(all.subspan(at, 24), some.subspan(row, 24)) > 1e-5) {
      at += 24;
    }
    ASSERT_LT(at, all.size()) << row / 24;
  }
  EXPECT_GT(at, all.size() * 9 / 10);
}

TEST(SiteStatistics, AreTheRangesOfTheChannels) {
  const std::vector<float> values = {1, -5, 3, -2, -4, 3, 7, -6, 3};
  const SiteStatistics seen = site_statistics(values, 3);
  EXPECT_THAT(seen.low, testing::ElementsAre(-2, -6, 3));
  EXPECT_THAT(seen.high, testing::ElementsAre(7, -4, 3));
  EXPECT_THAT(seen.sample, testing::ElementsAreArray(values));
}

TEST(SiteStatistics, TheSampleIsOfRowsFromAllOver) {
  std::vector<float> values(2 * 1000);
  for (std::size_t row = 0; row < 1000; ++row) {
    values[2 * row] = values[2 * row + 1] = static_cast<float>(row);
  }
  const AlignedVector<float> sample = site_statistics(values, 2).sample;
  ASSERT_LT(sample.size(), values.size());
  for (std::size_t i = 0; i < sample.size(); i += 2) {
    EXPECT_EQ(sample[i], sample[i + 1]);
    EXPECT_TRUE(i == 0 || sample[i] > sample[i - 1]);
  }
  EXPECT_LT(sample.front(), 5);
  EXPECT_GT(sample.back(), 990);
}

double error_at(Quantizer quantizer, float clip, std::int64_t columns,
                const std::vector<float>& values) {
  quantizer.clip = clip;
  std::vector<float> rounded = values;
  fake_quantize(quantizer, columns, rounded);
  double error = 0;
  for (std::size_t i = 0; i < values.size(); ++i) {
    error += std::pow(static_cast<double>(rounded[i]) - static_cast<double>(values[i]), 2);
  }
  return error;
}

TEST(MseClip, IsTheBestOfItsGrid) {
  for (const int bits : {4, 8}) {
    for (const bool full_range : {false, true}) {
      for (const unsigned seed : {1U, 2U, 3U}) {
        std::mt19937 generator(seed);
        std::normal_distribution<float> normal;
        std::vector<float> values(64 * 48);
        for (float& v : values) v = normal(generator) * std::exp(normal(generator) * 0.5F);
        const Quantizer q{.bits = bits, .group = 16, .full_range = full_range};
        const float found = mse_clip(q, values, 48);
        const double best = error_at(q, found, 48, values);
        EXPECT_LE(best, error_at(q, 1.0F, 48, values));
        const float step = bits == 4 ? 0.015F : 0.005F;
        double min = INFINITY;
        for (int i = 0; i <= 24; ++i) {
          min = std::min(min, error_at(q, 1 - step * static_cast<float>(i), 48, values));
        }
        EXPECT_DOUBLE_EQ(best, min);
      }
    }
  }
}

TEST(MseClip, LeavesAGridThatFitsAlone) {
  std::vector<float> values(60);
  for (int i = 0; i < 60; ++i) values[static_cast<std::size_t>(i)] = static_cast<float>(i % 15 - 7);
  EXPECT_EQ(mse_clip({.bits = 4, .group = 15}, values, 15), 1.0F);
  EXPECT_EQ(mse_clip({.bits = 4, .group = 15}, std::vector<float>(30), 15), 1.0F);
}

}  // namespace
}  // namespace lightmamba

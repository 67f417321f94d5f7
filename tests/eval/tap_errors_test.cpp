#include <cmath>
#include <map>
#include <random>
#include <stop_token>

#include <lightmamba/error.h>
#include <lightmamba/evaluate.h>
#include <lightmamba/load.h>

#include "eval/value_summary.h"
#include "support/errors.h"
#include "support/paths.h"
#include "support/random_model.h"

namespace lightmamba {
namespace {

using ::testing::HasSubstr;

Model random_model() {
  const test::TemporaryFolder folder;
  test::RandomModel({}).write_hugging_face(folder / "m");
  return open_model(folder / "m");
}

const std::vector<TokenId> kTokens = {3, 1, 4, 1, 5, 9, 2, 6, 5, 3, 5, 8, 9, 7, 9, 3};

TEST(ValueSummarizer, AgreesWithTheDefinitionsHoweverTheValuesCome) {
  std::mt19937 generator(1);
  std::vector<float> values(600);
  for (float& value : values) value = 5.0F + static_cast<float>(generator() % 1000) / 300.0F;
  values[77] = -40;
  const Quantizer quantizer{.bits = 4, .group = 20};
  std::vector<float> quantized = values;
  fake_quantize(quantizer, 60, quantized);
  double mean = 0;
  for (const float value : values) mean += value / 600.0;
  double squares = 0;
  double error = 0;
  double m2 = 0;
  double m4 = 0;
  for (std::size_t i = 0; i < 600; ++i) {
    squares += std::pow(values[i], 2);
    error += std::pow(quantized[i] - values[i], 2);
    m2 += std::pow(values[i] - mean, 2) / 600;
    m4 += std::pow(values[i] - mean, 4) / 600;
  }
  for (const std::size_t part : {60, 180, 600}) {
    ValueSummarizer summarizer(quantizer);
    for (std::size_t begin = 0; begin < 600; begin += part) {
      summarizer.add(60, std::span(values).subspan(begin, std::min(part, 600 - begin)));
    }
    const ValueSummary found = summarizer.summary();
    EXPECT_EQ(found.largest, 40);
    EXPECT_NEAR(found.rms, std::sqrt(squares / 600), 1e-9);
    EXPECT_NEAR(found.kurtosis, m4 / (m2 * m2), 1e-9);
    EXPECT_NEAR(found.error, std::sqrt(error / squares), 1e-9);
  }
}

TEST(ValueSummarizer, OfZerosOrNothingIsZero) {
  ValueSummarizer summarizer({});
  EXPECT_EQ(summarizer.summary().kurtosis, 0);
  summarizer.add(4, std::vector<float>(8));
  EXPECT_EQ(summarizer.summary().largest, 0);
  EXPECT_EQ(summarizer.summary().kurtosis, 0);
  EXPECT_EQ(summarizer.summary().error, 0);
}

TEST(TapErrors, NamesEveryTapOfEveryLayerInTheOrderOfComputation) {
  const Model model = random_model();
  for (const bool state : {false, true}) {
    const std::vector<TapError> errors = tap_errors(model, kTokens, {}, {.state = state});
    std::vector<std::pair<std::int64_t, Tap>> places;
    places.reserve(errors.size());
    for (const TapError& error : errors) places.emplace_back(error.layer, error.tap);
    std::vector<std::pair<std::int64_t, Tap>> expected = {{-1, Tap::embedding}};
    for (std::int64_t layer = 0; layer < model.config().n_layer; ++layer) {
      for (int i = 1; i <= static_cast<int>(Tap::residual); ++i) {
        if (state || static_cast<Tap>(i) != Tap::state) {
          expected.emplace_back(layer, static_cast<Tap>(i));
        }
      }
    }
    expected.emplace_back(-1, Tap::head_input);
    expected.emplace_back(-1, Tap::logits);
    EXPECT_EQ(places, expected);
  }
}

// The network goes on unchanged, so that what is seen is what an observer sees without it.
TEST(TapErrors, AreThoseOfTheValuesThatPass) {
  const Model model = random_model();
  const Quantizer quantizer{.bits = 4, .group = 8};
  std::map<std::pair<std::int64_t, Tap>, ValueSummarizer> expected;
  Taps taps;
  for (const Tap tap : {Tap::conv_input, Tap::state, Tap::logits}) {
    taps.set(tap, [&](const TapValue& value) {
      expected.try_emplace({value.layer, value.tap}, quantizer)
          .first->second.add(value.columns, value.data);
    });
  }
  const auto sequence = reference_backend(model)->open({.taps = &taps});
  for (const TokenId token : kTokens) sequence->decode(token);

  std::size_t compared = 0;
  for (const TapError& found : tap_errors(model, kTokens, quantizer, {.state = true})) {
    const auto at = expected.find({found.layer, found.tap});
    if (at == expected.end()) continue;
    const ValueSummary summary = at->second.summary();
    EXPECT_NEAR(found.value.error, summary.error, 1e-3 * summary.error) << tap_name(found.tap);
    EXPECT_NEAR(found.value.largest, summary.largest, 1e-4 * summary.largest);
    EXPECT_NEAR(found.value.kurtosis, summary.kurtosis, 1e-3 * summary.kurtosis);
    EXPECT_GT(found.value.error, 0.001);
    ++compared;
  }
  EXPECT_EQ(compared, expected.size());
}

TEST(TapErrors, EndEarlyWhenStopped) {
  const Model model = random_model();
  std::stop_source source;
  const TapErrorOptions options = {.stop = source.get_token()};
  EXPECT_THAT(tap_errors(model, kTokens, {}, options), ::testing::Not(::testing::IsEmpty()));
  source.request_stop();
  EXPECT_THROW(tap_errors(model, kTokens, {}, options), Stopped);
}

TEST(TapErrors, RefusesBadInput) {
  const Model model = random_model();
  EXPECT_THAT(test::error_of([&] { tap_errors(model, {}, {}); }), HasSubstr("no tokens"));
  EXPECT_THAT(test::error_of([&] { tap_errors(model, kTokens, {.bits = 1}); }),
              HasSubstr("bits must be 2 to 16"));
}

}  // namespace
}  // namespace lightmamba

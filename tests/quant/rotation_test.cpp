#include <cmath>
#include <string>
#include <vector>

#include <lightmamba/load.h>

#include "model/weights.h"
#include "support/errors.h"
#include "support/paths.h"
#include "support/quantized.h"

namespace lightmamba {
namespace {

using test::load_random_model;
using test::prefill_logits;
using test::random_tokens;
using test::RandomModelOptions;
using test::relative_distance;
using test::values_of;

const std::vector<RandomModelOptions> kShapes = {
    {},
    {.tied = false},
    {.ngroups = 2},
    {.ngroups = 3, .tied = false},
    {.d_model = 32, .n_layer = 3, .headdim = 16},
    {.d_model = 40, .d_state = 8, .ngroups = 2, .conv_bias = false},
    {.d_model = 20, .expand = 1, .headdim = 4, .d_state = 5},
    // Hadamard matrices over fields of 25 and 49 elements, and widths without one.
    {.d_model = 52, .headdim = 13},
    {.d_model = 50, .n_layer = 1, .headdim = 10},
    {.d_model = 33, .headdim = 6},
    {.d_model = 7, .expand = 1, .headdim = 1},
};

QuantizeOptions options_for(Method method, const Model& model) {
  QuantizeOptions options{.method = method, .seed = 5};
  options.calibration = random_tokens(70, model.config().vocab_size, 9);
  options.calibration_window = 32;
  return options;
}

class SameFunction : public testing::TestWithParam<Method> {};

TEST_P(SameFunction, OfRandomModels) {
  for (const RandomModelOptions& shape : kShapes) {
    SCOPED_TRACE(&shape - kShapes.data());
    const Model model = load_random_model(shape);
    const Model changed = transform(model, options_for(GetParam(), model));
    const std::vector<TokenId> tokens = random_tokens(60, shape.vocab_size);
    EXPECT_LT(relative_distance(prefill_logits(changed, tokens), prefill_logits(model, tokens)),
              1e-4);
    EXPECT_LT(
        relative_distance(test::decode_logits(changed, tokens), test::decode_logits(model, tokens)),
        1e-4);
    EXPECT_FALSE(changed.quantization().has_value());
    // ... by other weights.
    EXPECT_GT(relative_distance(values_of(changed.weights().layers[0].in_proj),
                                values_of(model.weights().layers[0].in_proj)),
              0.01);
    EXPECT_GT(relative_distance(values_of(changed.weights().layers[0].out_proj),
                                values_of(model.weights().layers[0].out_proj)),
              0.01);
  }
}

TEST_P(SameFunction, OfTheShippedModel) {
  const Model model = open_model(test::shipped_model());
  const Model changed = transform(model, options_for(GetParam(), model));
  const std::vector<TokenId> tokens = model.tokenizer().encode(
      "The old house stood at the end of the lane, and nobody had lived there for years.");
  EXPECT_LT(relative_distance(prefill_logits(changed, tokens), prefill_logits(model, tokens)),
            1e-3);
}

INSTANTIATE_TEST_SUITE_P(Methods, SameFunction,
                         testing::Values(Method::smoothquant, Method::os_plus, Method::lightmamba),
                         [](const auto& test) {
                           return test.param == Method::os_plus
                                      ? "os_plus"
                                      : std::string(method_name(test.param));
                         });

TEST(Rotation, LeavesNoGainsAndUntiesTheHead) {
  const Model model = load_random_model();
  const Model rotated = transform(model, options_for(Method::lightmamba, model));
  EXPECT_TRUE(model.config().tie_embeddings);
  EXPECT_FALSE(rotated.config().tie_embeddings);
  EXPECT_THAT(rotated.weights().norm_f, testing::Each(1.0F));
  EXPECT_THAT(rotated.weights().layers[1].norm, testing::Each(1.0F));
  EXPECT_GT(
      relative_distance(values_of(rotated.weights().head), values_of(rotated.weights().embedding)),
      0.1);
  // A rotation keeps the length of every embedding.
  const std::vector<float> before = values_of(model.weights().embedding);
  const std::vector<float> after = values_of(rotated.weights().embedding);
  for (std::size_t begin = 0; begin < before.size(); begin += 24) {
    double old_length = 0;
    double new_length = 0;
    for (std::size_t i = begin; i < begin + 24; ++i) {
      old_length += static_cast<double>(before[i]) * before[i];
      new_length += static_cast<double>(after[i]) * after[i];
    }
    EXPECT_NEAR(new_length, old_length, 1e-5 * old_length);
  }
}

TEST(Rotation, SpreadsAnOutlierChannel) {
  const Model model = load_random_model();
  const Model rotated = transform(model, options_for(Method::lightmamba, model));
  const auto worst_share = [](const Model& m) {
    // The average share of the largest value in the mean square of a row.
    double sum = 0;
    int rows = 0;
    Taps taps;
    taps.set(Tap::out_proj_input, [&](const TapValue& value) {
      for (std::int64_t r = 0; r < value.rows; ++r, ++rows) {
        double largest = 0;
        double squares = 0;
        for (const float v : value.data.subspan(static_cast<std::size_t>(r * value.columns),
                                                static_cast<std::size_t>(value.columns))) {
          largest = std::max(largest, std::abs(static_cast<double>(v)));
          squares += static_cast<double>(v) * v;
        }
        sum += largest * largest / squares;
      }
    });
    reference_backend(m)->open({.taps = &taps})->prefill(random_tokens(50, m.config().vocab_size));
    return sum / rows;
  };
  EXPECT_LT(worst_share(rotated), 0.8 * worst_share(model));
}

TEST(Rotation, TheSeedDecidesTheSigns) {
  const Model model = load_random_model();
  const auto embedding = [&](std::uint64_t seed) {
    QuantizeOptions options = options_for(Method::lightmamba, model);
    options.seed = seed;
    return values_of(transform(model, options).weights().embedding);
  };
  EXPECT_EQ(embedding(1), embedding(1));
  EXPECT_NE(embedding(1), embedding(2));
}

TEST(Rotation, AWidthWithoutHadamardMatrixIsQuantizedToo) {
  for (const std::int64_t d_model : {26, 46, 50}) {
    const Model model = load_random_model({.d_model = d_model, .headdim = 2});
    QuantizeOptions options = options_for(Method::lightmamba, model);
    options.scheme = {8, 8};
    options.group = 16;
    const Model rounded = quantize(model, options).model;
    const std::vector<TokenId> tokens = random_tokens(30, model.config().vocab_size);
    EXPECT_LT(relative_distance(prefill_logits(rounded, tokens), prefill_logits(model, tokens)),
              0.1);
  }
}

}  // namespace
}  // namespace lightmamba

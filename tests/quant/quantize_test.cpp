#include <cmath>
#include <limits>
#include <string>
#include <vector>

#include <lightmamba/load.h>
#include <lightmamba/quantize.h>

#include "base/dtype.h"
#include "base/threads.h"
#include "model/weights.h"
#include "support/errors.h"
#include "support/paths.h"
#include "support/quantized.h"

namespace lightmamba {
namespace {

using test::error_of;
using test::load_random_model;
using test::prefill_logits;
using test::random_tokens;
using test::RandomModelOptions;
using test::relative_distance;
using test::values_of;
using ::testing::HasSubstr;

constexpr Method kMethods[] = {Method::rtn, Method::smoothquant, Method::os_plus,
                               Method::lightmamba};

QuantizeOptions options_for(Method method, const Scheme& scheme = {}) {
  return {.method = method,
          .scheme = scheme,
          .group = 16,
          .calibration = random_tokens(90, 37, 9),
          .calibration_window = 32};
}

// Every weight by the published formula: scale = half(max|w| / 7) of its group.
void expect_rounded(const Matrix& found, const Matrix& source, int bits, std::int64_t group) {
  ASSERT_EQ(found.rows, source.rows);
  ASSERT_EQ(found.columns, source.columns);
  const std::vector<float> weights = values_of(source);
  const std::vector<float> values = values_of(found);
  const int largest_code = bits == 4 ? 7 : 127;
  for (std::int64_t row = 0; row < source.rows; ++row) {
    for (std::int64_t begin = 0; begin < source.columns; begin += group) {
      const std::int64_t end = std::min(begin + group, source.columns);
      const auto at = [&](std::int64_t c) {
        return static_cast<std::size_t>(row * source.columns + c);
      };
      float largest = 0;
      for (std::int64_t c = begin; c < end; ++c) {
        largest = std::max(largest, std::abs(weights[at(c)]));
      }
      const float scale = half_to_float(float_to_half(largest / static_cast<float>(largest_code)));
      for (std::int64_t c = begin; c < end; ++c) {
        const double exact = static_cast<double>(weights[at(c)]) / scale;
        // So close to the middle that float32 may see a tie.
        if (std::abs(exact - std::floor(exact) - 0.5) < 1e-5) continue;
        const double code =
            std::min<double>(std::max<double>(std::nearbyint(exact), -largest_code), largest_code);
        ASSERT_EQ(values[at(c)], static_cast<float>(code) * scale) << row << ' ' << c;
      }
    }
  }
}

TEST(Quantize, RtnRoundsEveryWeightByTheFormula) {
  const test::TemporaryFolder folder;
  for (const int head_bits : {4, 8}) {
    const Model model = load_random_model({.tied = head_bits == 4});
    QuantizeOptions options = options_for(Method::rtn, {4, 4});
    options.head_bits = head_bits;
    quantize_to_file(model, options, folder / "q");
    const Model loaded = open_model(folder / "q");
    const Weights& q = loaded.weights();
    const Weights& w = model.weights();
    expect_rounded(q.embedding, w.embedding, head_bits, 16);
    expect_rounded(q.head, w.head, head_bits, 16);
    for (std::size_t layer = 0; layer < q.layers.size(); ++layer) {
      expect_rounded(q.layers[layer].in_proj, w.layers[layer].in_proj, 4, 16);
      expect_rounded(q.layers[layer].out_proj, w.layers[layer].out_proj, 4, 16);
      EXPECT_EQ(q.layers[layer].A, w.layers[layer].A);
      EXPECT_EQ(q.layers[layer].D, w.layers[layer].D);
      EXPECT_EQ(q.layers[layer].dt_bias, w.layers[layer].dt_bias);
      EXPECT_EQ(q.layers[layer].norm, w.layers[layer].norm);
      EXPECT_EQ(q.layers[layer].gated_norm, w.layers[layer].gated_norm);
      EXPECT_EQ(q.layers[layer].conv1d, w.layers[layer].conv1d);
      EXPECT_EQ(q.layers[layer].conv1d_bias, w.layers[layer].conv1d_bias);
    }
    EXPECT_EQ(q.norm_f, w.norm_f);
  }
}

TEST(Quantize, EightBitsAreCloseToTheFloatModel) {
  const std::vector<TokenId> tokens = random_tokens(50, 37);
  for (const RandomModelOptions& shape :
       {RandomModelOptions{}, RandomModelOptions{.ngroups = 2, .tied = false}}) {
    const Model model = load_random_model(shape);
    const std::vector<float> exact = prefill_logits(model, tokens);
    for (const Method method : kMethods) {
      SCOPED_TRACE(method_name(method));
      const QuantizedModel eight = quantize(model, options_for(method, {8, 8}));
      const double distance = relative_distance(prefill_logits(eight.model, tokens), exact);
      EXPECT_LT(distance, 0.06);
      EXPECT_GT(distance, 1e-4);
      const QuantizedModel four = quantize(model, options_for(method, {4, 4}));
      EXPECT_GT(relative_distance(prefill_logits(four.model, tokens), exact), 2 * distance);
    }
  }
}

TEST(Quantize, AFileIsTheModelInMemory) {
  const test::TemporaryFolder folder;
  const std::vector<TokenId> tokens = random_tokens(40, 37);
  for (const Method method : kMethods) {
    for (const bool everything : {false, true}) {
      SCOPED_TRACE(testing::Message() << method_name(method) << ' ' << everything);
      const Model model = load_random_model({.tied = !everything}, true);
      QuantizeOptions options = options_for(method, {4, everything ? 4 : 8});
      options.clip = options.gptq = everything;
      if (everything) options.ssm = SsmFormat::pot8;
      options.source = "a name";
      const QuantizedModel memory = quantize(model, options);
      const QuantizeReport report = quantize_to_file(model, options, folder / "q");
      const Model loaded = open_model(folder / "q");
      EXPECT_EQ(prefill_logits(loaded, tokens), prefill_logits(memory.model, tokens));
      EXPECT_EQ(loaded.quantization(), memory.model.quantization());
      EXPECT_EQ(*loaded.quantization(), report.quantization);
      EXPECT_EQ(loaded.config(), memory.model.config());
      EXPECT_EQ(loaded.tokenizer().json(), model.tokenizer().json());
      ASSERT_EQ(report.errors.size(), memory.report.errors.size());
      for (std::size_t i = 0; i < report.errors.size(); ++i) {
        EXPECT_EQ(report.errors[i].tensor, memory.report.errors[i].tensor);
        EXPECT_EQ(report.errors[i].relative_error, memory.report.errors[i].relative_error);
        EXPECT_GT(report.errors[i].relative_error, 0);
      }
    }
  }
}

TEST(Quantize, TheReportHasTheErrorOfEachMatrix) {
  const Model model = load_random_model({.tied = false});
  const QuantizedModel result = quantize(model, options_for(Method::rtn));
  std::vector<std::string> names;
  for (const TensorError& error : result.report.errors) names.push_back(error.tensor);
  EXPECT_THAT(names, testing::ElementsAre("backbone.embeddings.weight", "lm_head.weight",
                                          "backbone.layers.0.mixer.in_proj.weight",
                                          "backbone.layers.0.mixer.out_proj.weight",
                                          "backbone.layers.1.mixer.in_proj.weight",
                                          "backbone.layers.1.mixer.out_proj.weight"));
  EXPECT_NEAR(result.report.errors[5].relative_error,
              relative_distance(values_of(result.model.weights().layers[1].out_proj),
                                values_of(model.weights().layers[1].out_proj)),
              1e-7);
  EXPECT_EQ(result.report.quantization.state, StateFormat::floating);
}

TEST(Quantize, BytesAreTheSameEachTimeAtAnyThreadCount) {
  const test::TemporaryFolder folder;
  const Model model = load_random_model({.d_model = 40, .headdim = 8, .ngroups = 2}, true);
  for (const Method method : kMethods) {
    for (const bool gptq : {false, true}) {
      SCOPED_TRACE(testing::Message() << method_name(method) << ' ' << gptq);
      QuantizeOptions options = options_for(method);
      options.gptq = gptq;
      options.clip = true;
      std::string first;
      for (const int threads : {1, 1, 2, 3}) {
        set_thread_count(threads);
        quantize_to_file(model, options, folder / "q");
        const std::string bytes = test::read_file(folder / "q");
        if (first.empty()) first = bytes;
        EXPECT_TRUE(bytes == first) << threads;
      }
    }
  }
  set_thread_count(0);
}

TEST(Quantize, PrefillAndDecodeAgree) {
  const Model model = load_random_model({.ngroups = 2});
  const std::vector<TokenId> tokens = random_tokens(40, 37);
  for (const Method method : kMethods) {
    QuantizeOptions options = options_for(method, {4, 16});
    options.ssm = SsmFormat::pot8;
    const QuantizedModel q = quantize(model, options);
    EXPECT_EQ(q.report.quantization.state, StateFormat::int16);
    EXPECT_LT(
        relative_distance(test::decode_logits(q.model, tokens), prefill_logits(q.model, tokens)),
        1e-4)
        << method_name(method);
  }
}

TEST(Quantize, StateFormatsCostWhatTheirBitsDo) {
  const Model model = load_random_model();
  const std::vector<TokenId> tokens = random_tokens(60, 37);
  const auto logits = [&](StateFormat state) {
    QuantizeOptions options = options_for(Method::rtn, {8, 16});
    options.state = state;
    return prefill_logits(quantize(model, options).model, tokens);
  };
  const std::vector<float> exact = logits(StateFormat::floating);
  const double int16 = relative_distance(logits(StateFormat::int16), exact);
  const double feedback = relative_distance(logits(StateFormat::int8_feedback), exact);
  const double int8 = relative_distance(logits(StateFormat::int8), exact);
  EXPECT_GT(int16, 0);
  EXPECT_LT(int16, 0.2 * feedback);
  EXPECT_LT(feedback, 0.2 * int8);
  EXPECT_LT(int8, 0.1);
}

// The float model with the weights of a quantized one, which so far must have float activations.
TEST(Quantize, SixteenBitsLeaveActivationsAlone) {
  for (const Method method : {Method::rtn, Method::lightmamba}) {
    const Model model = load_random_model({.tied = false});
    const QuantizedModel q = quantize(model, options_for(method, {4, 16}));
    const std::vector<TokenId> tokens = random_tokens(40, 37);
    // What transform() gives has the online rotation and nothing else at its taps.
    const Model changed = transform(model, options_for(method, {4, 16}));
    Weights weights = changed.weights();
    std::vector<std::vector<float>> kept;
    const auto replace = [&](Matrix& matrix, const Matrix& by) {
      kept.push_back(values_of(by));
      matrix.data = reinterpret_cast<const std::byte*>(kept.back().data());
    };
    replace(weights.embedding, q.model.weights().embedding);
    replace(weights.head, q.model.weights().head);
    for (std::size_t layer = 0; layer < weights.layers.size(); ++layer) {
      replace(weights.layers[layer].in_proj, q.model.weights().layers[layer].in_proj);
      replace(weights.layers[layer].out_proj, q.model.weights().layers[layer].out_proj);
    }
    const Model expected = model.with_weights(std::make_shared<const Weights>(std::move(weights)));
    EXPECT_LT(relative_distance(prefill_logits(q.model, tokens), prefill_logits(expected, tokens)),
              1e-6)
        << method_name(method);
  }
}

TEST(Quantize, GptqBringsLogitsCloser) {
  const Model model = load_random_model({.d_model = 48, .n_layer = 3});
  // Text like that it was calibrated with.
  const std::vector<TokenId> tokens = random_tokens(200, 37, 31);
  const std::vector<float> exact = prefill_logits(model, tokens);
  for (const Method method : {Method::rtn, Method::lightmamba}) {
    const auto error = [&](bool gptq) {
      QuantizeOptions options = options_for(method, {4, 8});
      options.calibration = random_tokens(2048, 37, 30);
      options.calibration_window = 256;
      options.gptq = gptq;
      return relative_distance(prefill_logits(quantize(model, options).model, tokens), exact);
    };
    EXPECT_LT(error(true), 0.9 * error(false)) << method_name(method);
  }
}

// The residual of an embedding in 4 bits is far off; what the layers add can bring it back.
TEST(Quantize, GptqMakesUpForEarlierRounding) {
  const Model model = load_random_model({.d_model = 48, .n_layer = 1});
  QuantizeOptions options = options_for(Method::rtn, {8, 16});
  options.calibration = random_tokens(2048, 37, 30);
  options.calibration_window = 256;
  options.head_bits = 4;
  const auto residual = [](const Model& of) {
    std::vector<float> values;
    Taps taps;
    taps.set(Tap::residual, [&](const TapValue& value) {
      values.insert(values.end(), value.data.begin(), value.data.end());
    });
    reference_backend(of)->open({.taps = &taps})->prefill(random_tokens(200, 37, 31));
    return values;
  };
  const std::vector<float> exact = residual(model);
  const double plain = relative_distance(residual(quantize(model, options).model), exact);
  options.gptq = true;
  const double fitted = relative_distance(residual(quantize(model, options).model), exact);
  EXPECT_LT(fitted, 0.165 * plain);  // 0.177 where the residual's own error is forgotten
}

TEST(Quantize, ClippingLowersTheErrorOfWeights) {
  const Model model = load_random_model();
  QuantizeOptions options = options_for(Method::rtn);
  const QuantizeReport plain = quantize(model, options).report;
  options.clip = true;
  const QuantizeReport clipped = quantize(model, options).report;
  for (std::size_t i = 0; i < plain.errors.size(); ++i) {
    EXPECT_LT(clipped.errors[i].relative_error, plain.errors[i].relative_error);
  }
}

TEST(Quantize, TellsHowFarItIs) {
  const Model model = load_random_model({.n_layer = 3});
  QuantizeOptions options = options_for(Method::rtn);
  std::vector<std::pair<std::int64_t, std::int64_t>> calls;
  options.progress = [&](std::int64_t done, std::int64_t total) {
    calls.emplace_back(done, total);
  };
  quantize(model, options);
  EXPECT_THAT(calls, testing::ElementsAre(std::pair(1, 4), std::pair(2, 4), std::pair(3, 4),
                                          std::pair(4, 4)));
  calls.clear();
  options.method = Method::lightmamba;  // which unties the head
  quantize(model, options);
  EXPECT_EQ(calls.size(), 5u);
  EXPECT_EQ(calls.back(), std::pair(std::int64_t{5}, std::int64_t{5}));
}

TEST(Quantize, OptionsOutOfRangeAreRefused) {
  const Model model = load_random_model();
  const auto message = [&](auto change) {
    QuantizeOptions options = options_for(Method::smoothquant);
    change(options);
    return error_of([&] { quantize(model, options); });
  };
  using Options = QuantizeOptions;
  EXPECT_THAT(message([](Options& o) { o.scheme = {5, 4}; }), HasSubstr("unknown scheme 'w5a4'"));
  EXPECT_THAT(message([](Options& o) { o.scheme = {4, 3}; }), HasSubstr("unknown scheme 'w4a3'"));
  EXPECT_THAT(message([](Options& o) { o.head_bits = 5; }), HasSubstr("head_bits must be 4 or 8"));
  for (const std::int64_t group : {std::int64_t{0}, std::int64_t{-8}, std::int64_t{20},
                                   std::int64_t{65544}, std::numeric_limits<std::int64_t>::max()}) {
    EXPECT_THAT(message([&](Options& o) { o.group = group; }),
                HasSubstr("the group must be a multiple of 8 up to 65536, but is"));
  }
  EXPECT_THAT(message([](Options& o) { o.calibration_window = 0; }),
              HasSubstr("calibration window must be positive"));
  EXPECT_THAT(message([](Options& o) { o.calibration_tokens = -1; }),
              HasSubstr("calibration_tokens must not be negative"));
  for (const float alpha : {-0.1F, 1.5F, std::numeric_limits<float>::quiet_NaN()}) {
    EXPECT_THAT(message([&](Options& o) { o.alpha = alpha; }), HasSubstr("alpha must be 0 to 1"));
  }
  EXPECT_THAT(message([](Options& o) { o.calibration[3] = 37; }),
              HasSubstr("token id 37 is outside the vocabulary of 37"));
  EXPECT_THAT(message([](Options& o) { o.calibration[3] = -1; }), HasSubstr("token id -1"));
}

TEST(Quantize, MethodsThatNeedTextSaySo) {
  const Model model = load_random_model();
  const auto message = [&](Method method, bool gptq) {
    QuantizeOptions options{.method = method, .gptq = gptq};
    return error_of([&] { quantize(model, options); });
  };
  EXPECT_THAT(message(Method::smoothquant, false),
              HasSubstr("method smoothquant needs calibration text"));
  EXPECT_THAT(message(Method::os_plus, false), HasSubstr("method os+ needs calibration text"));
  EXPECT_THAT(message(Method::rtn, true), HasSubstr("GPTQ needs calibration text"));
  EXPECT_THAT(error_of([&] { transform(model, {.method = Method::smoothquant}); }),
              HasSubstr("needs calibration text"));
}

TEST(Quantize, AQuantizedModelIsRefused) {
  const test::TemporaryFolder folder;
  const Model model = quantize(load_random_model(), options_for(Method::rtn)).model;
  const QuantizeOptions options = options_for(Method::rtn);
  for (const std::string& message :
       {error_of([&] { quantize(model, options); }), error_of([&] { transform(model, options); }),
        error_of([&] { quantize_to_file(model, options, folder / "q"); })}) {
    EXPECT_THAT(message, HasSubstr("already quantized"));
  }
  EXPECT_TRUE(std::filesystem::is_empty(folder.path()));
}

// The model with one weight of its last layer replaced.
Model with_bad_weight(float bad) {
  const Model model = load_random_model();
  Weights weights = model.weights();
  auto values = std::make_shared<std::vector<float>>(values_of(weights.layers[1].out_proj));
  (*values)[100] = bad;
  weights.layers[1].out_proj.data = reinterpret_cast<const std::byte*>(values->data());
  weights.layers[1].out_proj.owner = values;
  return model.with_weights(std::make_shared<const Weights>(std::move(weights)));
}

TEST(Quantize, AFileOfTheModelIsNotReplaced) {
  const test::TemporaryFolder folder;
  test::RandomModel({}).write_hugging_face_shards(folder / "m");
  const Model model = open_model(folder / "m");
  const QuantizeOptions options = {.method = Method::rtn};
  std::filesystem::create_symlink(folder / "m/config.json", folder / "link");
  std::vector<std::filesystem::path> kept = {folder / "link"};
  for (const auto& entry : std::filesystem::directory_iterator(folder / "m")) {
    kept.push_back(entry.path());
  }
  EXPECT_GE(kept.size(), 5u);  // the link, the configuration, the index and at least two shards
  for (const std::filesystem::path& path : kept) {
    const std::string before = test::read_file(path);
    EXPECT_THAT(error_of([&] { quantize_to_file(model, options, path); }),
                HasSubstr(path.string() + ": would overwrite the model that is read"));
    EXPECT_EQ(test::read_file(path), before);
  }
  for (int i = 0; i < 2; ++i) quantize_to_file(model, options, folder / "m/q.lm");
}

TEST(Quantize, LeavesNoFileWhenItFailsMidway) {
  const test::TemporaryFolder folder;
  for (const float bad : {std::numeric_limits<float>::quiet_NaN(), 1e9F}) {
    const Model model = with_bad_weight(bad);
    for (const Method method : kMethods) {
      SCOPED_TRACE(testing::Message() << method_name(method) << ' ' << bad);
      EXPECT_NE(error_of([&] { quantize_to_file(model, options_for(method), folder / "q"); }), "");
      EXPECT_TRUE(std::filesystem::is_empty(folder.path()));
    }
  }
  EXPECT_THAT(error_of([&] {
                quantize_to_file(with_bad_weight(1e9F), options_for(Method::rtn), folder / "q");
              }),
              HasSubstr("backbone.layers.1.mixer.out_proj.weight"));
  // ... and keeps one that was there.
  test::write_file(folder / "q", "old");
  EXPECT_THROW(quantize_to_file(with_bad_weight(1e9F), options_for(Method::rtn), folder / "q"),
               Error);
  EXPECT_EQ(test::read_file(folder / "q"), "old");
  QuantizeOptions options = options_for(Method::rtn);
  options.head_bits = 3;
  EXPECT_THROW(quantize_to_file(load_random_model(), options, folder / "q"), Error);
  EXPECT_EQ(test::read_file(folder / "q"), "old");
}

TEST(Quantize, StopsBetweenTheStepsOfALayer) {
  const test::TemporaryFolder folder;
  const Model model = load_random_model({.n_layer = 3});
  test::write_file(folder / "q", "old");
  for (const Method method : kMethods) {
    for (const bool gptq : {false, true}) {
      SCOPED_TRACE(testing::Message() << method_name(method) << ' ' << gptq);
      std::stop_source source;
      std::int64_t parts = 0;
      QuantizeOptions options = options_for(method);
      options.gptq = gptq;
      options.stop = source.get_token();
      options.progress = [&](std::int64_t done, std::int64_t /*total*/) {
        parts = done;
        if (done == 2) source.request_stop();
      };
      EXPECT_THROW(quantize_to_file(model, options, folder / "q"), Stopped);
      EXPECT_EQ(parts, 2);
      EXPECT_THROW(quantize(model, options), Stopped);
      EXPECT_THROW(transform(model, options), Stopped);
    }
  }
  EXPECT_EQ(test::read_file(folder / "q"), "old");
  std::filesystem::remove(folder / "q");
  EXPECT_TRUE(std::filesystem::is_empty(folder.path()));
}

TEST(Quantize, AnUnknownShapeIsRefused) {
  EXPECT_THAT(error_of([] { quantize_shape_to_file("mamba2-9b", {}, "q"); }),
              HasSubstr("unknown shape 'mamba2-9b': expected one of mamba2-130m"));
}

}  // namespace
}  // namespace lightmamba

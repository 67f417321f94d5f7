#include <filesystem>
#include <fstream>
#include <gtest/gtest.h>
#include <limits>
#include <regex>

#include <lightmamba/evaluate.h>

#include "accel/accelerator_backend.h"
#include "support/errors.h"
#include "support/paths.h"
#include "support/quantized.h"

namespace lightmamba::accel {
namespace {

using ::testing::HasSubstr;

Model small_model(const QuantizeOptions& options = test::accelerator_options(),
                  const test::RandomModelOptions& shape = {}) {
  return quantize(test::load_random_model(shape), options).model;
}

const std::vector<TokenId>& tokens() {
  static const std::vector<TokenId> ids = test::random_tokens(60, 37);
  return ids;
}

// The same roundings, but for values that fall on the other side of a boundary now and then.
TEST(GoldenModel, GivesTheLogitsOfTheReference) {
  for (const StateFormat state : {StateFormat::int16, StateFormat::int8}) {
    for (const double dt_max : {std::numeric_limits<double>::infinity(), 0.1}) {
      QuantizeOptions each = test::accelerator_options();
      each.state = state;
      const Model reference = small_model(each, {.dt_max = dt_max});
      const std::vector<float> expected = test::decode_logits(reference, tokens());
      EXPECT_LT(test::relative_distance(test::decode_logits(*golden_backend(reference), tokens()),
                                        expected),
                0.25);
    }
  }
}

TEST(GoldenModel, RunsShapesThatTheCoreDoesNot) {
  const test::RandomModelOptions shapes[] = {
      {.d_conv = 1},
      {.d_conv = 8},
      {.headdim = 1, .d_state = 1},
      {.n_layer = 1, .headdim = 48, .d_state = 48},
      {.d_model = 10, .n_layer = 1, .headdim = 4, .d_state = 4},
      {.d_model = 52, .n_layer = 1, .headdim = 13, .d_state = 26},
  };
  for (const test::RandomModelOptions& shape : shapes) {
    SCOPED_TRACE(&shape - shapes);
    const Model reference = small_model(test::accelerator_options(), shape);
    const auto golden = golden_backend(reference);
    const std::vector<float> expected = test::decode_logits(reference, tokens());
    EXPECT_LT(test::relative_distance(test::decode_logits(*golden, tokens()), expected), 0.25);
    const std::unique_ptr<Sequence> sequence = golden->open();
    sequence->prefill(tokens());
    const State state = sequence->state();
    EXPECT_EQ(golden->open({.state = &state})->state(), state);
  }
}

TEST(GoldenModel, StateComesBack) {
  const auto backend = golden_backend(small_model());
  const std::unique_ptr<Sequence> sequence = backend->open();
  sequence->prefill(tokens());
  const State state = sequence->state();
  const std::unique_ptr<Sequence> again = backend->open({.state = &state});
  EXPECT_EQ(again->state(), state);
  const std::unique_ptr<Sequence> fork = sequence->fork();
  // They take turns on one accelerator.
  for (const TokenId token : {5, 6, 7}) {
    const std::vector<float> first = test::copy_of(sequence->decode(token));
    EXPECT_EQ(test::copy_of(fork->decode(token)), first);
    EXPECT_EQ(test::copy_of(again->decode(token)), first);
  }
  EXPECT_EQ(fork->position(), std::ssize(tokens()) + 3);
  EXPECT_EQ(fork->state(), sequence->state());
}

TEST(GoldenModel, SaysWhatItCannotRun) {
  const auto reason = [](const QuantizeOptions& each) {
    return test::error_of([&] { golden_backend(small_model(each)); });
  };
  EXPECT_THAT(test::error_of([] { golden_backend(test::load_random_model()); }),
              HasSubstr("the weights are floats"));
  QuantizeOptions each = test::accelerator_options();
  each.head_bits = 8;
  EXPECT_THAT(reason(each), HasSubstr("the head has 8 bits"));
  each = test::accelerator_options();
  each.scheme = {4, 8};
  EXPECT_THAT(reason(each), HasSubstr("the scheme is w4a8"));
  each = test::accelerator_options();
  each.ssm = SsmFormat::floating;
  EXPECT_THAT(reason(each), HasSubstr("the SSM is in float"));
  each = test::accelerator_options();
  each.state = StateFormat::floating;
  EXPECT_THAT(reason(each), HasSubstr("the state is float"));
  each = test::accelerator_options();
  each.method = Method::rtn;
  EXPECT_THAT(reason(each), HasSubstr("the method is rtn"));
  EXPECT_THAT(test::error_of(
                  [] { golden_backend(small_model(test::accelerator_options(), {.ngroups = 2})); }),
              HasSubstr("ngroups is 2"));
  const auto refused = [](const test::RandomModelOptions& shape) {
    return test::error_of([&] { golden_backend(small_model(test::accelerator_options(), shape)); });
  };
  EXPECT_THAT(refused({.d_model = 33, .headdim = 1}), HasSubstr("odd number of columns"));
  EXPECT_THAT(refused({.d_model = 46, .headdim = 4}),
              HasSubstr("no Hadamard matrix of order d_inner 92"));
  EXPECT_THAT(refused({.d_conv = 9}), HasSubstr("d_conv is above 8"));
}

// The tables are made with floats; nothing else is.
TEST(GoldenModel, HasNoFloatInIt) {
  const std::regex floating(R"(\b(float|double)\b|half_to|bfloat|<cmath>|\d\.\d|\d[eE]-\d)");
  const std::filesystem::path folder =
      std::filesystem::path(LIGHTMAMBA_SOURCE_DIR) / "src/accel/numerics";
  int files = 0;
  for (const auto& file : std::filesystem::directory_iterator(folder)) {
    if (file.path().filename() == "tables.cpp") continue;
    ++files;
    std::ifstream in(file.path());
    int number = 0;
    for (std::string line; std::getline(in, line);) {
      ++number;
      const std::string code = line.substr(0, line.find("//"));
      EXPECT_FALSE(std::regex_search(code, floating))
          << file.path() << ':' << number << ": " << line;
    }
  }
  EXPECT_GT(files, 15);
}

}  // namespace
}  // namespace lightmamba::accel

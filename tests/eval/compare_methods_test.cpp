#include "eval/compare_methods.h"

#include <lightmamba/engine.h>
#include <lightmamba/load.h>

#include "support/errors.h"
#include "support/on_reference.h"
#include "support/paths.h"
#include "support/random_model.h"

namespace lightmamba {
namespace {

using test::error_of;
using test::RandomModel;
using ::testing::AllOf;
using ::testing::HasSubstr;

std::vector<TokenId> some_tokens(std::size_t count) {
  std::vector<TokenId> tokens(count);
  for (std::size_t i = 0; i < count; ++i) tokens[i] = static_cast<TokenId>(i * i * 7 % 37);
  return tokens;
}

class CompareMethods : public ::testing::Test {
 protected:
  CompareMethods() {
    RandomModel({.d_model = 24}).write_hugging_face(folder_ / "m");
    model_ = open_model(folder_ / "m", {test::shipped_model() / "tokenizer.json"});
  }

  static QuantizeOptions run(std::string_view variant, const Scheme& scheme) {
    QuantizeOptions options;
    options.scheme = scheme;
    options.group = 8;
    options.calibration = some_tokens(64);
    return with_variant(options, variant);
  }

  test::TemporaryFolder folder_;
  std::optional<Model> model_;
};

TEST_F(CompareMethods, RowsAreWhatTheirPartsGive) {
  CompareOptions options;
  options.runs = {run("rtn", {8, 8}), run("smoothquant", {4, 4}), run("lightmamba*+clip", {4, 4})};
  options.perplexity = {.context = 50, .max_tokens = 120};
  options.taps = false;
  const std::vector<TokenId> tokens = some_tokens(200);
  const Comparison found = compare_methods(*model_, tokens, options);

  ASSERT_EQ(found.rows.size(), 4u);
  EXPECT_TRUE(found.taps.empty());
  const CompareRow& exact = found.rows[0];
  EXPECT_EQ(exact.variant, "float");
  EXPECT_FALSE(exact.quantization);
  EXPECT_EQ(exact.text.perplexity.nll, perplexity(*model_, tokens, options.perplexity).nll);
  EXPECT_EQ(exact.text.kl, 0);
  EXPECT_EQ(exact.text.agreement, 1);

  EXPECT_EQ(found.rows[3].variant, "lightmamba*+clip");
  for (std::size_t i = 0; i < options.runs.size(); ++i) {
    const CompareRow& row = found.rows[i + 1];
    const QuantizedModel expected = quantize(*model_, options.runs[i]);
    EXPECT_EQ(row.quantization, expected.report.quantization);
    EXPECT_EQ(row.bytes, expected.report.bytes);
    const double nll = perplexity(expected.model, tokens, options.perplexity).nll;
    EXPECT_NEAR(row.text.perplexity.nll, nll, 1e-5 * nll);
    const Divergence divergence =
        compare_models(*model_, expected.model, tokens, options.perplexity);
    EXPECT_EQ(row.text.kl, divergence.kl);
    EXPECT_EQ(row.text.agreement, divergence.agreement);
    EXPECT_GT(row.text.kl, 0);
  }
  EXPECT_LT(found.rows[1].text.kl, found.rows[2].text.kl);
}

TEST_F(CompareMethods, RowsAreTheSameInBatchesOfAnySize) {
  CompareOptions options;
  options.runs = {run("rtn", {8, 8}), run("rtn", {4, 16}), run("lightmamba*", {4, 4})};
  options.perplexity = {.context = 300};
  options.taps = false;
  options.place = [](const Model& model) {
    return engine_supports(model) ? engine_backend(model) : reference_backend(model);
  };
  const std::vector<TokenId> tokens = some_tokens(400);
  const Comparison together = compare_methods(*model_, tokens, options);
  ASSERT_EQ(together.rows.size(), 4u);
  EXPECT_EQ(together.rows[0].backend, "reference");
  EXPECT_EQ(together.rows[1].backend, "engine");
  EXPECT_EQ(together.rows[2].backend, "reference");
  const Divergence on_engine = compare_models(
      *reference_backend(*model_), *engine_backend(quantize(*model_, options.runs[2]).model),
      tokens, options.perplexity);
  EXPECT_EQ(together.rows[3].text.kl, on_engine.kl);
  EXPECT_EQ(together.rows[3].text.perplexity.nll, on_engine.perplexity.nll);

  for (const std::int64_t bytes : {std::int64_t{1}, together.rows[1].bytes + 1}) {
    options.batch_bytes = bytes;
    const Comparison found = compare_methods(*model_, tokens, options);
    ASSERT_EQ(found.rows.size(), together.rows.size());
    for (std::size_t i = 0; i < found.rows.size(); ++i) {
      EXPECT_EQ(found.rows[i].variant, together.rows[i].variant);
      EXPECT_EQ(found.rows[i].backend, together.rows[i].backend);
      EXPECT_EQ(found.rows[i].text.perplexity.nll, together.rows[i].text.perplexity.nll);
      EXPECT_EQ(found.rows[i].text.kl, together.rows[i].text.kl);
      EXPECT_EQ(found.rows[i].text.agreement, together.rows[i].text.agreement);
    }
  }
}

TEST_F(CompareMethods, SizeOfTheFloatModelIsThatOfItsTensors) {
  for (const bool tied : {true, false}) {
    const RandomModel source({.tied = tied, .dtype = DType::f16});
    source.write_hugging_face(folder_ / "f16");
    std::size_t bytes = 0;
    for (const auto& tensor : source.tensors()) bytes += tensor.bytes.size();
    const Comparison found =
        compare_methods(open_model(folder_ / "f16"), some_tokens(9), {.taps = false});
    EXPECT_EQ(found.rows.at(0).bytes, static_cast<std::int64_t>(bytes));
  }
}

TEST_F(CompareMethods, TasksAreEvaluated) {
  const Model shipped = open_model(test::shipped_model());
  test::write_file(folder_ / "lambada.jsonl",
                   R"({"text": "I said that I would go to the house of the Lord"})"
                   "\n"
                   R"({"text": "It is a truth"})"
                   "\n");
  QuantizeOptions options;
  options.method = Method::rtn;
  const Comparison found = compare_methods(shipped, some_tokens(9),
                                           {.runs = {options},
                                            .tasks = {{Task::lambada, folder_ / "lambada.jsonl"}},
                                            .limit = 1,
                                            .taps = false});
  const auto expected = [&](const Model& model) {
    return evaluate_task(model, Task::lambada, folder_ / "lambada.jsonl", {.limit = 1});
  };
  for (const CompareRow& row : found.rows) {
    ASSERT_EQ(row.tasks.size(), 1u);
    EXPECT_EQ(row.tasks[0].n, 1);
    EXPECT_EQ(row.tasks[0].perplexity,
              expected(row.quantization ? quantize(shipped, options).model : shipped).perplexity);
  }
}

TEST_F(CompareMethods, TapsAreThoseOfTheTransformedModels) {
  CompareOptions options;
  options.runs = {run("rtn", {8, 8}), run("lightmamba", {8, 8}), run("lightmamba+clip", {4, 4})};
  options.perplexity.context = 40;
  const std::vector<TokenId> tokens = some_tokens(60);
  const Comparison found = compare_methods(*model_, tokens, options);
  ASSERT_EQ(found.taps.size(), 3u);
  const std::span window = std::span(tokens).first(40);
  const Quantizer four_bits{.bits = 4, .group = 128};

  const std::vector<TapError> exact = tap_errors(*model_, window, four_bits);
  EXPECT_FALSE(found.taps[0].method);
  ASSERT_EQ(found.taps[0].errors.size(), exact.size());
  for (std::size_t i = 0; i < exact.size(); ++i) {
    EXPECT_EQ(found.taps[0].errors[i].value.error, exact[i].value.error);
  }
  for (const std::size_t i : {1u, 2u}) {
    const MethodTaps& taps = found.taps[i];
    const Model changed =
        taps.method == Method::rtn ? *model_ : transform(*model_, run("lightmamba", {4, 4}));
    EXPECT_EQ(taps.method, i == 1 ? Method::rtn : Method::lightmamba);
    ASSERT_EQ(taps.errors.size(), 4u);
    std::size_t next = 0;
    for (const TapError& error : tap_errors(changed, window, four_bits)) {
      if (error.tap != Tap::in_proj_input && error.tap != Tap::out_proj_input) continue;
      EXPECT_EQ(taps.errors[next].tap, error.tap);
      EXPECT_EQ(taps.errors[next].layer, error.layer);
      EXPECT_EQ(taps.errors[next++].value.error, error.value.error);
    }
  }
}

TEST_F(CompareMethods, ReportsItsProgress) {
  CompareOptions options;
  options.runs = {run("os+", {8, 4})};
  options.taps = false;
  std::vector<std::string> steps;
  options.progress = [&](std::string_view step, std::int64_t done, std::int64_t total) {
    EXPECT_LE(done, total);
    if (steps.empty() || steps.back() != step) steps.emplace_back(step);
  };
  compare_methods(*model_, some_tokens(30), options);
  EXPECT_THAT(steps, ::testing::ElementsAre("quantize w8a4 os+ (1 of 1)", "text, all models"));
}

TEST(Variants, AreParsedAndNamed) {
  for (const std::string_view name :
       {"rtn", "smoothquant", "os+", "lightmamba", "lightmamba*", "os++clip", "os+*+clip+gptq",
        "lightmamba+gptq", "lightmamba*+clip", "rtn+clip+gptq"}) {
    EXPECT_EQ(variant_name(with_variant({}, name)), name);
  }
  QuantizeOptions base;
  base.clip = true;
  base.seed = 5;
  const QuantizeOptions options = with_variant(base, "os+*");
  EXPECT_EQ(options.method, Method::os_plus);
  EXPECT_EQ(options.ssm, SsmFormat::pot8);
  EXPECT_TRUE(options.clip);
  EXPECT_FALSE(options.gptq);
  EXPECT_EQ(options.seed, 5u);
}

TEST(Variants, BadOnesAreRefused) {
  for (const std::string_view name : {"", "os", "awq", "lightmamba+", "lightmamba+clip*",
                                      "rtn+clipped", "rtn**", " rtn", "lightmamba+gptq+clip"}) {
    EXPECT_THAT(error_of([&] { with_variant({}, name); }),
                AllOf(HasSubstr("unknown method '" + std::string(name) + "'"),
                      HasSubstr("smoothquant"), HasSubstr("+gptq")));
  }
}

}  // namespace
}  // namespace lightmamba

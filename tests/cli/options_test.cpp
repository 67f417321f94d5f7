// Options that are wrong, or that cannot take effect, are refused before any work is done.
#include <filesystem>

#include "cli/cli.h"
#include "support/random_model.h"
#include "support/tokenizers.h"

namespace lightmamba::test {
namespace {

using ::testing::HasSubstr;
using ::testing::StartsWith;
using Words = std::vector<std::string>;

const std::string kModel = shipped_model();

// The command fails because `option` has no effect `why`.
void expect_refused(Words command, const std::string& option, const std::string& why) {
  SCOPED_TRACE(::testing::PrintToString(command));
  EXPECT_THAT(failure(std::move(command), 1),
              StartsWith("error: " + option + " has no effect " + why));
}

// Adds each option and its value, if it has one, to the command.
void expect_each_refused(const Words& command, const std::vector<Words>& options,
                         const std::string& why) {
  for (const Words& option : options) {
    Words words = command;
    words.insert(words.end(), option.begin(), option.end());
    expect_refused(words, option.front(), why);
  }
}

TEST(OptionsWithoutEffect, OfQuantize) {
  const TemporaryFolder folder;
  const Words rtn = {"quantize", kModel, "-o", folder / "q", "--method", "rtn", "--clip", "none"};
  expect_each_refused(rtn, {{"--calibration", "none.txt"}, {"--calibration-tokens", "9"}},
                      "because neither");
  expect_refused(
      {"quantize", kModel, "-o", folder / "q", "--scheme", "w4a16", "--calibration", "none.txt"},
      "--calibration", "because neither");
  expect_each_refused(rtn, {{"--alpha", "0.5"}}, "because only smoothquant");
  expect_each_refused(rtn, {{"--seed", "1"}}, "because only lightmamba");
  expect_each_refused(
      {"quantize", "--shape", "mamba2-130m", "-o", folder / "q"},
      {{"--calibration", "none.txt"}, {"--calibration-tokens", "9"}, {"--tokenizer", "none.json"}},
      "with --shape");
  EXPECT_TRUE(std::filesystem::is_empty(folder.path()));
  // Clipping could use a text, but there is none.
  RandomModel({}).write_hugging_face(folder / "m");
  expect_refused({"quantize", folder / "m", "-o", folder / "q", "--method", "rtn",
                  "--calibration-tokens", "9"},
                 "--calibration-tokens", "because there is no text");
}

TEST(OptionsWithoutEffect, OfBackends) {
  const std::vector<Words> of_engine = {{"--isa", "scalar"}, {"--pin"}};
  const Words text = {"--prompt", "x", "--max-tokens", "1"};
  const auto generate = [&](const std::string& model, const Words& more) {
    Words words = {"generate", model};
    words.insert(words.end(), text.begin(), text.end());
    words.insert(words.end(), more.begin(), more.end());
    return words;
  };
  expect_each_refused(generate(accelerator_model(), {"--backend", "reference"}), of_engine,
                      "on --backend reference");
  expect_each_refused(generate(accelerator_model(), {"--backend", "golden"}), of_engine,
                      "on --backend golden");
  EXPECT_THAT(failure(generate(kModel, {"--pin"}), 1),
              HasSubstr("--pin has no effect on --backend reference"));
  expect_each_refused({"perplexity", kModel, "--file", "none", "--tap", "dt=8:0"}, of_engine,
                      "on --backend reference");
  const TemporaryFolder folder;
  ASSERT_EQ(
      lightmamba({"accel", "pack", accelerator_model(), "-o", folder / "image", "--preset", "tiny"})
          .exit_code,
      0);
  expect_each_refused(generate(folder / "image", {}), of_engine, "on --backend rtlsim");
}

TEST(OptionsWithoutEffect, OfAccel) {
  expect_each_refused({"accel", "run", accelerator_model(), "--tokens", "5", "--max-tokens", "1"},
                      {{"--preset", "nope"},
                       {"--order", "hardware"},
                       {"--latency", "1"},
                       {"--stalls", "1"},
                       {"--clock", "400"},
                       {"--seed", "1"}},
                      "on --backend golden");
  expect_refused({"accel", "verify", accelerator_model(), "--tokens", "5", "--seed", "1"}, "--seed",
                 "without --stalls");
}

TEST(OptionsWithoutEffect, OfBench) {
  expect_each_refused(
      {"bench", accelerator_model()},
      {{"--scheme", "w8a8"}, {"--ssm", "float"}, {"--state", "int8"}, {"--head-bits", "4"}},
      "without --shape");
  expect_refused({"bench", "--shape", "mamba2-130m", "--tokenizer", "none.json"}, "--tokenizer",
                 "because no text is read");
}

TEST(OptionsWithoutEffect, OfSampling) {
  const Words generate = {"generate", kModel, "--prompt", "x"};
  expect_each_refused(generate, {{"--top-k", "5"}, {"--top-p", "0.9"}, {"--seed", "1"}},
                      "at --temperature 0");
  expect_each_refused(generate, {{"--repeat-window", "5"}}, "without --repeat-penalty");
}

TEST(OptionsWithoutEffect, OfReports) {
  expect_refused({"generate", kModel, "--prompt", "x", "--echo", "--json"}, "--echo",
                 "with --json");
  expect_refused({"tokenize", kModel, "--text", "x", "--pieces", "--json"}, "--pieces",
                 "with --json");
  expect_refused({"logits", kModel, "--tokens", "1", "--top", "3", "--json"}, "--top",
                 "with --json");
  expect_refused({"inspect", kModel, "--tensors", "--json"}, "--tensors", "with --json");
  expect_each_refused({"study", "outliers", "--data", "none"},
                      {{"--channels", "8"},
                       {"--test-tokens", "8"},
                       {"--calibration-tokens", "8"},
                       {"--outliers", "8"}},
                      "with --data");
}

class CompareOptionsEarly : public ::testing::Test {
 protected:
  CompareOptionsEarly() {
    RandomModel({.vocab_size = 256, .d_model = 128, .n_layer = 1, .headdim = 64, .d_state = 128})
        .write_hugging_face(model());
    write_file(folder_ / "m/tokenizer.json", byte_level_file().dump());
    write_file(text(), "It is a truth");
  }
  std::string model() const { return folder_ / "m"; }
  std::string text() const { return folder_ / "text"; }
  Words compare(const Words& options) const {
    Words words = {"compare", model(), "--file", text(), "--no-taps"};
    words.insert(words.end(), options.begin(), options.end());
    return words;
  }
  TemporaryFolder folder_;
};

TEST_F(CompareOptionsEarly, ThatHaveNoEffectOnAnyRowAreRefused) {
  const Words rtn = compare({"--methods", "rtn"});
  expect_each_refused(rtn, {{"--limit", "5"}}, "without --task");
  expect_each_refused(rtn, {{"--calibration", "none.txt"}}, "because neither");
  expect_each_refused(rtn, {{"--alpha", "0.2"}}, "because only smoothquant");
  expect_each_refused(compare({"--methods", "rtn,lightmamba", "--schemes", "w4a4,w4a16"}),
                      {{"--preset", "tiny"}}, "on --backend engine or reference");
  expect_each_refused(compare({"--methods", "rtn", "--schemes", "w4a16"}), {{"--isa", "scalar"}},
                      "on --backend reference");
}

TEST_F(CompareOptionsEarly, TheRowThatDoesNotFitItsBackendIsNamed) {
  const auto refusal = [&](const Words& options) {
    const ProcessResult result =
        lightmamba(compare(options), {.environment = {"LIGHTMAMBA_ISA=sse9"}});
    EXPECT_EQ(result.exit_code, 1);
    return result.err;
  };
  EXPECT_THAT(refusal({"--methods", "rtn", "--schemes", "w4a4"}), HasSubstr("sse9"));
  EXPECT_THAT(refusal({"--methods", "rtn", "--schemes", "w4a4,w4a16", "--backend", "engine"}),
              HasSubstr("w4a16 rtn: the engine cannot run this model: activations have 16 bits"));
  EXPECT_THAT(refusal({"--methods", "lightmamba*+clip,rtn", "--schemes", "w4a4", "--head-bits", "4",
                       "--backend", "golden"}),
              HasSubstr("w4a4 rtn: the accelerator cannot run this model"));
}

// The model is not there either, but it is looked for later.
TEST_F(CompareOptionsEarly, FilesAreLookedAtBeforeTheModel) {
  const auto refusal = [&](const std::string& option, const std::string& value) {
    return failure({"compare", "no-model", "--file", text(), option, value}, 1);
  };
  EXPECT_THAT(refusal("--task", "arc=none.jsonl"), HasSubstr("none.jsonl: cannot open"));
  for (const char* option : {"--markdown", "--json-file"}) {
    EXPECT_THAT(refusal(option, folder_ / "none/out"), HasSubstr("none: no such directory"));
    EXPECT_THAT(refusal(option, folder_.path()), HasSubstr("not a regular file"));
  }
}

}  // namespace
}  // namespace lightmamba::test

#include <cmath>

#include "cli/cli.h"

namespace lightmamba::test {
namespace {

using nlohmann::json;
using ::testing::AllOf;
using ::testing::HasSubstr;

const std::string kModel = shipped_model();

std::vector<std::string> perplexity_command(const std::vector<std::string>& options) {
  std::vector<std::string> words = {
      "perplexity", kModel, "--file",       kModel + "/calibration.txt",
      "--context",  "64",   "--max-tokens", "200"};
  words.insert(words.end(), options.begin(), options.end());
  return words;
}

TEST(Perplexity, PrintsBinsOnlyIfAsked) {
  const json report = lightmamba_json(perplexity_command({"--bins", "24"}));
  ASSERT_EQ(report["bins"].size(), 3u);
  EXPECT_EQ(report["bins"][1]["begin"], 24);
  double nll = 0;
  for (const json& bin : report["bins"]) {
    nll += bin["nll"].get<double>() * bin["tokens"].get<double>() / 200;
    EXPECT_NEAR(std::log(bin["perplexity"].get<double>()), bin["nll"].get<double>(), 1e-9);
  }
  EXPECT_NEAR(report["nll"].get<double>(), nll, 1e-9);
  EXPECT_FALSE(lightmamba_json(perplexity_command({})).contains("bins"));
  EXPECT_THAT(lightmamba(perplexity_command({"--bins", "24"})).out, HasSubstr("position"));
}

TEST(Taps, QuantizeWhatPasses) {
  const auto nll = [](const std::vector<std::string>& options) {
    return lightmamba_json(perplexity_command(options))["nll"].get<double>();
  };
  const double exact = nll({});
  const double coarse = nll({"--tap", "out_proj_input=3:0"});
  EXPECT_GT(coarse, exact + 0.01);
  EXPECT_NEAR(nll({"--tap", "out_proj_input=16:128", "--tap", "state=16:0:pot"}), exact, 1e-2);
  EXPECT_GT(nll({"--tap", "out_proj_input=3:0", "--tap", "in_proj_input=3:0"}), coarse + 0.01);
}

TEST(Taps, RunOnTheReferenceOnly) {
  const std::string& model = accelerator_model();
  for (const char* backend : {"engine", "golden"}) {
    for (const std::vector<std::string>& option : std::vector<std::vector<std::string>>{
             {"--tap", "out_proj_input=4:128"}, {"--state", "int8"}}) {
      std::vector<std::string> command = {
          "perplexity", model, "--file", kModel + "/calibration.txt", "--backend", backend};
      command.insert(command.end(), option.begin(), option.end());
      EXPECT_THAT(failure(command, 1),
                  AllOf(HasSubstr(option[0] + " runs on the reference only"), HasSubstr(backend)));
    }
  }
  EXPECT_THAT(failure({"evaluate", model, "--task", "lambada", "--data", "none", "--backend",
                       "engine", "--tap", "z=8:128"},
                      1),
              HasSubstr("--tap runs on the reference only, not on --backend engine"));
}

TEST(Taps, QuantizeInTasksToo) {
  const TemporaryFolder folder;
  write_file(folder / "lambada.jsonl",
             R"({"text": "I said that I would go to the house of the Lord"})"
             "\n");
  const auto perplexity = [&](const std::vector<std::string>& options) {
    std::vector<std::string> words = {"evaluate", kModel,   "--task",
                                      "lambada",  "--data", folder / "lambada.jsonl"};
    words.insert(words.end(), options.begin(), options.end());
    return lightmamba_json(words)["perplexity"].get<double>();
  };
  EXPECT_NE(perplexity({"--tap", "out_proj_input=3:0"}), perplexity({}));
}

TEST(Perplexity, RoundsTheState) {
  const auto nll = [](const std::vector<std::string>& options) {
    return lightmamba_json(perplexity_command(options))["nll"].get<double>();
  };
  EXPECT_EQ(nll({"--state", "float"}), nll({}));
  EXPECT_NE(nll({"--state", "int8"}), nll({}));
  EXPECT_NEAR(nll({"--state", "int8"}), nll({"--tap", "state=8:128:pot"}), 0.005);
  EXPECT_NEAR(nll({"--state", "int16"}), nll({}), 1e-4);
  EXPECT_THAT(failure(perplexity_command({"--state", "int8", "--tap", "state=8"}), 1),
              HasSubstr("--state and --tap state="));
  EXPECT_THAT(failure(perplexity_command({"--state", "int4"}), 2), HasSubstr("int8ef"));
}

TEST(Taps, BadOnesAreWrongUsage) {
  EXPECT_THAT(failure(perplexity_command({"--tap", "outproj=4"}), 2),
              AllOf(HasSubstr("unknown tap 'outproj'"), HasSubstr("out_proj_input, ")));
  EXPECT_THAT(failure(perplexity_command({"--tap", "state"}), 2),
              HasSubstr("'state' is not of the form NAME=QUANTIZER"));
  EXPECT_THAT(failure(perplexity_command({"--tap", "state=four"}), 2), HasSubstr("'four'"));
  EXPECT_THAT(failure(perplexity_command({"--tap", "state=1"}), 2), HasSubstr("bits must be"));
  EXPECT_THAT(failure(perplexity_command({"--tap", "state=8", "--tap", "state=4"}), 1),
              HasSubstr("the tap state has two quantizers"));
  EXPECT_THAT(failure(perplexity_command({"--bins", "-1"}), 2), HasSubstr("--bins"));
}

}  // namespace
}  // namespace lightmamba::test

#include "cli/cli.h"

namespace lightmamba::test {
namespace {

using nlohmann::json;
using ::testing::AllOf;
using ::testing::HasSubstr;

const std::string kModel = shipped_model();

TEST(Study, OutliersPrintsTheMethods) {
  const std::vector<std::string> command = {"study",         "outliers", "--channels", "640",
                                            "--test-tokens", "64",       "--outliers", "8"};
  const json report = lightmamba_json(command);
  ASSERT_EQ(report["methods"].size(), 4u);
  EXPECT_EQ(report["methods"][3]["method"], "rotation");
  EXPECT_LT(report["methods"][3]["per_token"]["relative"].get<double>(),
            report["methods"][0]["per_token"]["relative"].get<double>());
  EXPECT_THAT(lightmamba(command).out, HasSubstr("smoothquant "));
}

TEST(Study, SlowHeadsPrintsEveryFormat) {
  const std::vector<std::string> command = {"study", "slow-heads", "--steps", "150", "--rows", "1"};
  const json report = lightmamba_json(command);
  EXPECT_EQ(report["heads"].size(), 7u * 7u * 7u);
  EXPECT_EQ(report["checkpoints"][1], 100);
  EXPECT_EQ(report["heads"][0]["state"]["at"].size(), 2u);
  EXPECT_EQ(report["steady_channels"], false);
  EXPECT_THAT(lightmamba(command).out, HasSubstr("2^-14"));
  std::vector<std::string> steady = command;
  steady.emplace_back("--steady-channels");
  EXPECT_NE(lightmamba_json(steady)["heads"], report["heads"]);
}

TEST(Study, SsmStepReadsARealLayer) {
  LIGHTMAMBA_NEEDS_DATA("mamba2-130m-layer0.safetensors");
  const std::string data = data_path("mamba2-130m-layer0.safetensors");
  EXPECT_EQ(lightmamba_json({"study", "ssm-step", "--data", data})["errors"].size(), 4u * 7u * 7u);
  EXPECT_THAT(lightmamba({"study", "ssm-step", "--data", data}).out, HasSubstr("int16-nearest"));
  EXPECT_THAT(lightmamba({"study", "slow-heads", "--data", data, "--steps", "9"}).out,
              HasSubstr("mamba2-130m-layer0.safetensors"));
}

TEST(Study, RefusesBadOptions) {
  EXPECT_NE(failure({"study"}, 2), "");
  EXPECT_NE(failure({"study", "nothing"}, 2), "");
  EXPECT_THAT(failure({"study", "ssm-step"}, 2), HasSubstr("--data"));
  EXPECT_THAT(failure({"study", "slow-heads", "--steps", "0"}, 2), HasSubstr("--steps"));
  EXPECT_THAT(failure({"study", "ssm-step", "--data", "none"}, 1), HasSubstr("none: cannot open"));
  EXPECT_THAT(failure({"study", "ssm-step", "--data", kModel + "/model.safetensors"}, 1),
              HasSubstr("model.safetensors: there is no tensor step.state"));
}

TEST(Study, RotatesAnyNumberOfChannels) {
  const ProcessResult result = lightmamba({"study", "outliers", "--channels", "641"});
  EXPECT_EQ(result.exit_code, 0) << result.err;
  EXPECT_THAT(result.out, AllOf(HasSubstr("641 channels"), HasSubstr("rotation")));
}

}  // namespace
}  // namespace lightmamba::test

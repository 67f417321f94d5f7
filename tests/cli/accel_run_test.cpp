#include "cli/cli.h"

namespace lightmamba::test {
namespace {

using ::testing::HasSubstr;
using ::testing::SizeIs;

TEST(AccelRun, WritesWhatTheGoldenBackendWrites) {
  const std::vector<std::string> what = {"--prompt", "It is a truth", "--max-tokens", "12"};
  std::vector<std::string> accel = {"accel", "run", accelerator_model()};
  std::vector<std::string> generate = {"generate", accelerator_model(), "--backend", "golden"};
  accel.insert(accel.end(), what.begin(), what.end());
  generate.insert(generate.end(), what.begin(), what.end());
  const nlohmann::json report = lightmamba_json(accel);
  EXPECT_EQ(report["ids"], lightmamba_json(generate)["ids"]);
  EXPECT_THAT(report["ids"], SizeIs(12));
  EXPECT_EQ(report["backend"], "golden");
  EXPECT_EQ(report["stop"], "max_tokens");
  const ProcessResult plain = lightmamba(accel);
  EXPECT_EQ(plain.exit_code, 0) << plain.err;
  EXPECT_EQ(plain.out, report["text"].get<std::string>() + "\n");
  EXPECT_THAT(plain.err, HasSubstr("generated_tokens"));
}

TEST(AccelRun, TakesTokens) {
  const nlohmann::json report = lightmamba_json(
      {"accel", "run", accelerator_model(), "--tokens", "5,6", "--max-tokens", "1"});
  EXPECT_EQ(report["prompt_tokens"], 2);
  EXPECT_THAT(report["ids"], SizeIs(1));
}

TEST(AccelRun, SaysWhatIsWrong) {
  EXPECT_THAT(failure({"accel", "run", accelerator_model(), "--tokens", " "}, 1),
              HasSubstr("no token ids"));
  EXPECT_THAT(failure({"accel", "run", accelerator_model(), "--tokens", "1000000"}, 1),
              HasSubstr("1000000"));
  EXPECT_THAT(failure({"accel", "run", accelerator_model()}, 2), HasSubstr("--prompt"));
  EXPECT_THAT(failure({"accel", "run", shipped_model(), "--prompt", "A"}, 1),
              HasSubstr("the accelerator cannot run this model: the weights are floats"));
  EXPECT_THAT(
      failure({"accel", "run", accelerator_model(), "--tokens", "1", "--bandwidth", "12"}, 2),
      HasSubstr("--clock"));
}

}  // namespace
}  // namespace lightmamba::test

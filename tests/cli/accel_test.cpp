#include "cli/cli.h"

namespace lightmamba::test {
namespace {

using ::testing::HasSubstr;

const std::string kModel = shipped_model();

TEST(GoldenBackend, IsAsGoodAsTheReferenceAndTheSameOnAnyThreads) {
  const std::string& model = accelerator_model();
  const auto perplexity = [&](const std::string& backend, const std::string& threads) {
    return lightmamba_json({"perplexity", model, "--file", kModel + "/calibration.txt",
                            "--max-tokens", "500", "--backend", backend, "--threads", threads});
  };
  const double expected = perplexity("reference", "2")["perplexity"].get<double>();
  const nlohmann::json golden = perplexity("golden", "2");
  // Over so few tokens, roundings that fall the other way do not average out.
  EXPECT_NEAR(golden["perplexity"].get<double>(), expected, 0.02 * expected);
  EXPECT_EQ(golden, perplexity("golden", "1"));
}

TEST(GoldenBackend, SaysWhyItCannotRunAModel) {
  EXPECT_THAT(failure({"generate", kModel, "--prompt", "A", "--backend", "golden"}, 1),
              HasSubstr("the accelerator cannot run this model: the weights are floats"));
}

// All before a simulation, so that a build without one says the same.
TEST(AccelReport, RefusesPicturesThatItCannotDraw) {
  const TemporaryFolder folder;
  const std::string& model = accelerator_model();
  const std::string picture = folder / "a.svg";
  const auto report_failure = [&](const std::vector<std::string>& options, int exit_code) {
    std::vector<std::string> words = {"accel", "report", model};
    words.insert(words.end(), options.begin(), options.end());
    return failure(words, exit_code);
  };
  for (const char* option : {"--timeline", "--roofline"}) {
    EXPECT_THAT(report_failure({option, folder / "a.gif"}, 2), HasSubstr(".png or .svg"));
    EXPECT_THAT(report_failure({option, ""}, 2), HasSubstr(".png or .svg"));
  }
  EXPECT_THAT(report_failure({"--layer", "1"}, 2), HasSubstr("--timeline"));
  EXPECT_THAT(report_failure({"--layer", "1", "--roofline", picture}, 2), HasSubstr("--timeline"));
  EXPECT_THAT(report_failure({"--timeline", picture, "--layer", "6"}, 1),
              HasSubstr("there is no layer 6: the model has 6"));
  EXPECT_THAT(report_failure({"--timeline", picture, "--roofline", folder / "./a.svg"}, 1),
              HasSubstr("two outputs in one file"));
  EXPECT_TRUE(std::filesystem::is_empty(folder.path()));

  // A link to the model counts as the model.
  std::filesystem::create_symlink(std::filesystem::absolute(model), folder / "model.svg");
  EXPECT_THAT(report_failure({"--timeline", folder / "model.svg"}, 1),
              HasSubstr("would overwrite the model that is read"));
  EXPECT_THAT(report_failure({"--roofline", folder / "model.svg"}, 1),
              HasSubstr("would overwrite the model that is read"));
}

TEST(AccelReport, WithoutGnuplotSaysWhereToGetIt) {
  const TemporaryFolder folder;
  for (const char* option : {"--timeline", "--roofline"}) {
    const ProcessResult result =
        lightmamba({"accel", "report", accelerator_model(), option, folder / "a.svg"},
                   {.environment = {"PATH=" + folder.path().string()}});
    EXPECT_EQ(result.exit_code, 1);
    EXPECT_THAT(result.err, HasSubstr("gnuplot-nox"));
    EXPECT_TRUE(std::filesystem::is_empty(folder.path()));
  }
}

}  // namespace
}  // namespace lightmamba::test

#include <filesystem>

#include "cli/cli.h"

namespace lightmamba::test {
namespace {

using nlohmann::json;
using ::testing::HasSubstr;

const std::string kModel = shipped_model();

TEST(InspectOutliers, DrawsAPictureAndPrintsWhatRotationDoes) {
  const TemporaryFolder folder;
  const json report = lightmamba_json(
      {"inspect", kModel, "--outliers", folder / "picture.png", "--layer", "0", "--tokens", "40"});
  EXPECT_EQ(report["tap"], "out_proj_input");
  EXPECT_EQ(report["layer"], 0);
  EXPECT_EQ(report["tokens"], 40);
  EXPECT_EQ(report["channels"], 768);
  EXPECT_GT(report["before"]["kurtosis"].get<double>(), 20);
  EXPECT_LT(report["rotated"]["kurtosis"].get<double>(), 5);
  EXPECT_LT(report["rotated"]["error_4bit"].get<double>(),
            0.7 * report["before"]["error_4bit"].get<double>());
  EXPECT_GT(std::filesystem::file_size(folder / "picture.png"), 10'000u);
}

TEST(InspectOutliers, TakesATapAndAText) {
  const TemporaryFolder folder;
  write_file(folder / "text", "In the beginning");
  const ProcessResult result = lightmamba({"inspect", kModel, "--outliers", folder / "picture.svg",
                                           "--tap", "in_proj_input", "--file", folder / "text"});
  EXPECT_EQ(result.exit_code, 0) << result.err;
  EXPECT_THAT(result.out, HasSubstr("in_proj_input, layer 3: "));
  EXPECT_THAT(read_file(folder / "picture.svg"), HasSubstr("</svg>"));
}

TEST(InspectOutliers, RefusesBadOptions) {
  const TemporaryFolder folder;
  const std::string picture = folder / "picture.png";
  EXPECT_THAT(failure({"inspect", kModel, "--outliers", folder / "picture.gif"}, 2),
              HasSubstr(".png or .svg"));
  EXPECT_THAT(failure({"inspect", kModel, "--layer", "1"}, 2), HasSubstr("--outliers"));
  EXPECT_THAT(failure({"inspect", kModel, "--threads", "1"}, 2), HasSubstr("--outliers"));
  EXPECT_THAT(failure({"inspect", kModel, "--outliers", picture, "--tap", "mlp"}, 2),
              HasSubstr("unknown tap 'mlp': expected one of embedding, "));
  EXPECT_THAT(failure({"inspect", kModel, "--outliers", picture, "--layer", "6"}, 1),
              HasSubstr("there is no layer 6: the model has 6"));
  EXPECT_THAT(failure({"inspect", kModel, "--outliers", picture, "--file", "none"}, 1),
              HasSubstr("none: cannot open"));
  write_file(folder / "empty", "");
  EXPECT_THAT(failure({"inspect", kModel, "--outliers", picture, "--file", folder / "empty"}, 1),
              HasSubstr("has no tokens"));
  EXPECT_FALSE(std::filesystem::exists(picture));
}

TEST(InspectOutliers, WithoutGnuplotSaysWhereToGetIt) {
  const TemporaryFolder folder;
  const ProcessResult result =
      lightmamba({"inspect", kModel, "--outliers", folder / "picture.png", "--tokens", "4"},
                 {.environment = {"PATH=" + folder.path().string()}});
  EXPECT_EQ(result.exit_code, 1);
  EXPECT_THAT(result.err, HasSubstr("gnuplot-nox"));
  EXPECT_TRUE(std::filesystem::is_empty(folder.path()));
}

}  // namespace
}  // namespace lightmamba::test

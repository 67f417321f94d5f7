#include "eval/outlier_picture.h"

#include <cmath>
#include <filesystem>

#include <lightmamba/load.h>

#include "support/errors.h"
#include "support/paths.h"
#include "support/random_model.h"

namespace lightmamba {
namespace {

using ::testing::HasSubstr;

Model random_model() {
  const test::TemporaryFolder folder;
  test::RandomModel({}).write_hugging_face(folder / "m");
  return open_model(folder / "m");
}

const std::vector<TokenId> kTokens = {3, 1, 4, 1, 5, 9, 2, 6};

// Turns by 45 degrees in each pair of channels.
RotateRows turn_pairs(std::int64_t channels) {
  EXPECT_EQ(channels, 48);
  return [](std::span<float> rows) {
    for (std::size_t i = 0; i < rows.size(); i += 2) {
      const float a = rows[i];
      const float b = rows[i + 1];
      rows[i] = (a + b) * std::sqrt(0.5F);
      rows[i + 1] = (a - b) * std::sqrt(0.5F);
    }
  };
}

OutlierReport report_of(const Model& model) {
  return find_outliers(model, kTokens, Tap::out_proj_input, 1, turn_pairs);
}

TEST(OutlierPicture, ShowsWhatPassesAtTheTapOfTheLayer) {
  const Model model = random_model();
  std::vector<float> expected;
  Taps taps;
  taps.set(Tap::out_proj_input, [&](const TapValue& value) {
    if (value.layer == 1) expected.assign(value.data.begin(), value.data.end());
  });
  reference_backend(model)->open({.taps = &taps})->prefill(kTokens);

  const OutlierReport report = report_of(model);
  EXPECT_EQ(report.before.values, expected);
  EXPECT_EQ(report.tokens, 8);
  EXPECT_EQ(report.channels, 48);
  EXPECT_EQ(report.layer, 1);
  EXPECT_FLOAT_EQ(report.after.values[2], (expected[2] + expected[3]) * std::sqrt(0.5F));
  EXPECT_NEAR(report.after.summary.rms, report.before.summary.rms, 1e-6);
  EXPECT_GT(report.before.summary.error, 0.01);
}

TEST(OutlierPicture, SeesTapsOutsideTheBlocks) {
  const OutlierReport report =
      find_outliers(random_model(), kTokens, Tap::logits, 99,
                    [](std::int64_t /*channels*/) { return [](std::span<float> /*rows*/) {}; });
  EXPECT_EQ(report.layer, -1);
  EXPECT_EQ(report.channels, 37);
  EXPECT_EQ(report.tokens, 8);
}

TEST(OutlierPicture, IsDrawnAsPngAndSvg) {
  const OutlierReport report = report_of(random_model());
  const test::TemporaryFolder folder;
  draw_outliers(report, folder / "it's.png");
  EXPECT_TRUE(test::read_file(folder / "it's.png").starts_with("\x89PNG"));
  draw_outliers(report, folder / "picture.svg");
  const std::string svg = test::read_file(folder / "picture.svg");
  EXPECT_THAT(svg, HasSubstr("</svg>"));
  EXPECT_THAT(svg, HasSubstr("out_proj_input, layer 1"));
}

TEST(OutlierPicture, RefusesBadInput) {
  const Model model = random_model();
  EXPECT_THAT(
      test::error_of([&] { find_outliers(model, kTokens, Tap::out_proj_input, 2, turn_pairs); }),
      HasSubstr("there is no layer 2: the model has 2"));
  EXPECT_THAT(test::error_of([&] { find_outliers(model, kTokens, Tap::state, 1, turn_pairs); }),
              HasSubstr("the tap state has no channels"));
  EXPECT_THAT(test::error_of([&] { find_outliers(model, {}, Tap::out_proj_input, 1, turn_pairs); }),
              HasSubstr("no tokens"));
  const test::TemporaryFolder folder;
  EXPECT_THAT(test::error_of([&] { draw_outliers(report_of(model), folder / "x.gif"); }),
              HasSubstr(".png or .svg"));
  EXPECT_TRUE(std::filesystem::is_empty(folder.path()));
}

}  // namespace
}  // namespace lightmamba

#include "eval/outlier_study.h"

#include <cmath>

#include "eval/random.h"
#include "io/safetensors.h"
#include "support/errors.h"
#include "support/paths.h"

namespace lightmamba {
namespace {

using ::testing::HasSubstr;

// One eighth of the width of mamba2-2.7b, with as dense outliers.
OutlierStudyOptions small() {
  return {.channels = 640,
          .calibration_tokens = 512,
          .test_tokens = 128,
          .outliers = 8,
          .weight_rows = 64};
}

TEST(OutlierStudy, RotationWinsAndLearnedShiftsRuin) {
  for (const std::uint64_t seed : {1, 2, 3}) {
    OutlierStudyOptions options = small();
    options.seed = seed;
    const std::vector<OutlierStudyRow> rows = outlier_study(options);
    ASSERT_EQ(rows.size(), 4u);
    EXPECT_EQ(rows[0].method, "rtn");
    EXPECT_EQ(rows[1].method, "smoothquant");
    EXPECT_EQ(rows[2].method, "os+");
    EXPECT_EQ(rows[3].method, "rotation");
    EXPECT_LT(rows[3].per_token.mean_square, rows[1].per_token.mean_square) << seed;
    EXPECT_LE(rows[1].per_token.mean_square, rows[0].per_token.mean_square) << seed;
    EXPECT_GT(rows[2].per_token.mean_square, 5 * rows[0].per_token.mean_square) << seed;
    EXPECT_LT(rows[3].per_group.mean_square, rows[0].per_group.mean_square) << seed;
    EXPECT_GT(rows[2].per_group.mean_square, 2 * rows[0].per_group.mean_square) << seed;
  }
}

// The reason: where outliers stay away, there is nothing for os+ to learn wrongly.
TEST(OutlierStudy, WithoutOutliersTheMethodsAreAlike) {
  OutlierStudyOptions options = small();
  options.outliers = 0;
  const std::vector<OutlierStudyRow> rows = outlier_study(options);
  for (const OutlierStudyRow& row : rows) {
    EXPECT_NEAR(row.per_group.relative, rows[0].per_group.relative, 0.06) << row.method;
    EXPECT_LT(row.per_group.mean_square, row.per_token.mean_square) << row.method;
  }
}

TEST(OutlierStudy, IsTheSameEveryTime) {
  EXPECT_EQ(outlier_study(small())[1].per_token.mean_square,
            outlier_study(small())[1].per_token.mean_square);
}

TEST(OutlierStudy, RefusesBadInput) {
  EXPECT_THAT(test::error_of([] { outlier_study({.test_tokens = 0}); }),
              HasSubstr("must be at least 1"));
}

TEST(RealOutliers, RotationWinsOnARealLayer) {
  LIGHTMAMBA_NEEDS_DATA("mamba2-130m-layer0.safetensors");
  const std::vector<RealOutliers> all =
      real_outliers(test::data_path("mamba2-130m-layer0.safetensors"));
  ASSERT_EQ(all.size(), 2u);
  EXPECT_EQ(all[0].channels, 768);
  EXPECT_EQ(all[1].tokens, 2);
  for (const RealOutliers& real : all) {
    EXPECT_LT(real.rows[1].per_token.relative, real.rows[0].per_token.relative) << real.values;
    EXPECT_LT(real.rows[1].per_group.relative, real.rows[0].per_group.relative) << real.values;
  }
}

TEST(RealOutliers, NamesTheTensorThatIsMissing) {
  const test::TemporaryFolder folder;
  write_safetensors(folder / "empty", {}, {});
  EXPECT_THAT(test::error_of([&] { real_outliers(folder / "empty"); }),
              HasSubstr("empty: there is no tensor norm.weight"));
}

TEST(Random, HasTheMomentsOfItsDistributions) {
  Random random(5);
  double mean = 0;
  double square = 0;
  double fourth = 0;
  double uniform = 0;
  constexpr int kCount = 100'000;
  for (int i = 0; i < kCount; ++i) {
    const double value = random.normal();
    mean += value / kCount;
    square += value * value / kCount;
    fourth += std::pow(value, 4) / kCount;
    uniform += random.uniform() / kCount;
    ASSERT_LT(random.index(3), 3u);
  }
  EXPECT_NEAR(mean, 0, 0.02);
  EXPECT_NEAR(square, 1, 0.02);
  EXPECT_NEAR(fourth, 3, 0.15);
  EXPECT_NEAR(uniform, 0.5, 0.005);
}

// The engine is defined by the standard; what is made of it is defined here.
TEST(Random, IsTheSameOnEveryMachine) {
  Random random(1);
  EXPECT_DOUBLE_EQ(random.uniform(), 0.13387664401253274);
}

}  // namespace
}  // namespace lightmamba

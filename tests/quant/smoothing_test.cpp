#include "quant/smoothing.h"

#include <cmath>

#include "support/errors.h"

namespace lightmamba {
namespace {

using ::testing::ElementsAre;
using ::testing::FloatEq;
using ::testing::HasSubstr;

TEST(SmoothQuant, FollowsItsFormula) {
  const std::vector<float> activation = {16.0F, 9.0F, 2.0F};
  const std::vector<float> weight = {4.0F, 0.25F, 8.0F};
  EXPECT_THAT(smoothquant_scale(activation, weight, 0.5F),
              ElementsAre(FloatEq(2.0F), FloatEq(6.0F), FloatEq(0.5F)));
  EXPECT_THAT(smoothquant_scale(activation, weight, 0.75F),
              ElementsAre(FloatEq(8.0F / std::sqrt(2.0F)),
                          FloatEq(std::pow(9.0F, 0.75F) * std::sqrt(2.0F)), FloatEq(1.0F)));
  EXPECT_THAT(smoothquant_scale(activation, weight, 1.0F),
              ElementsAre(FloatEq(16.0F), FloatEq(9.0F), FloatEq(2.0F)));
}

// With alpha = 1/2 the largest magnitudes of activation and weight become equal.
TEST(SmoothQuant, SharesTheDifficulty) {
  const std::vector<float> scale =
      smoothquant_scale(std::vector<float>{50.0F}, std::vector<float>{0.3F}, 0.5F);
  EXPECT_FLOAT_EQ(50.0F / scale[0], 0.3F * scale[0]);
}

TEST(SmoothQuant, LeavesChannelsWithoutValuesOrWeights) {
  EXPECT_THAT(smoothquant_scale(std::vector<float>{0.0F, 3.0F, 0.0F},
                                std::vector<float>{2.0F, 0.0F, 0.0F}, 0.5F),
              ElementsAre(1.0F, 1.0F, 1.0F));
}

TEST(SmoothQuant, RefusesBadInput) {
  const std::vector<float> two(2, 1.0F);
  EXPECT_THAT(test::error_of([&] { smoothquant_scale(two, std::vector<float>(3, 1.0F), 0.5F); }),
              HasSubstr("2 channels, but 3 columns"));
  for (const float alpha : {-0.1F, 1.1F, NAN}) {
    EXPECT_THAT(test::error_of([&] { smoothquant_scale(two, two, alpha); }),
                HasSubstr("alpha must be 0 to 1"));
  }
}

TEST(OsPlus, FollowsItsFormulas) {
  const ShiftScale result = os_plus_shift_scale(std::vector<float>{-2.0F, 10.0F, -60.0F},
                                                std::vector<float>{4.0F, 90.0F, -20.0F}, 8.0F);
  EXPECT_THAT(result.shift, ElementsAre(1.0F, 50.0F, -40.0F));
  EXPECT_THAT(result.scale, ElementsAre(1.0F, 5.0F, 2.5F));
}

TEST(OsPlus, RefusesBadInput) {
  const std::vector<float> two(2, 1.0F);
  EXPECT_THAT(test::error_of([&] { os_plus_shift_scale(two, std::vector<float>(3), 1.0F); }),
              HasSubstr("2 minima, but 3 maxima"));
  for (const float threshold : {0.0F, -1.0F, NAN}) {
    EXPECT_THAT(test::error_of([&] { os_plus_shift_scale(two, two, threshold); }),
                HasSubstr("must be positive"));
  }
}

}  // namespace
}  // namespace lightmamba

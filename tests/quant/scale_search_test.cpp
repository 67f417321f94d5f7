#include "quant/scale_search.h"

#include <cmath>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <limits>
#include <random>
#include <vector>

#include "base/dtype.h"
#include "support/errors.h"

namespace lightmamba {
namespace {

using Values = std::vector<float>;

template <typename Distribution>
Values draw(std::int64_t count, std::mt19937& generator, Distribution distribution) {
  Values values(static_cast<std::size_t>(count));
  for (float& value : values) value = static_cast<float>(distribution(generator));
  return values;
}

double error_of_scale(const Values& weights, const Values& importance, double scale, int bits) {
  const double lowest = -(1 << (bits - 1));
  double sum = 0;
  for (std::size_t i = 0; i < weights.size(); ++i) {
    const double code = std::clamp(std::nearbyint(weights[i] / scale), lowest, -lowest - 1);
    const double rest = weights[i] - code * scale;
    sum += (importance.empty() ? 1.0 : importance[i]) * rest * rest;
  }
  return sum;
}

double min_error(const Values& weights, const Values& importance, int bits) {
  double largest = 0;
  for (const float weight : weights) largest = std::max(largest, std::abs(double{weight}));
  double min = std::numeric_limits<double>::infinity();
  for (int part = 150; part < 1100; ++part) {
    const double scale = part * 0.001 * largest / ((1 << (bits - 1)) - 1);
    min = std::min({min, error_of_scale(weights, importance, scale, bits),
                    error_of_scale(weights, importance, -scale, bits)});
  }
  return min;
}

bool is_half(float value) { return half_to_float(float_to_half(value)) == value; }

TEST(ScaleSearch, CodesAreRoundedToEvenAndClamped) {
  const Values weights = {0.25F, 0.75F, -0.25F, -0.75F, 1.25F, 100, -100, 0.26F, -1e30F, 1e30F};
  std::vector<std::int8_t> codes(weights.size());
  round_to_codes(weights, 0.5F, -8, 7, codes);
  EXPECT_THAT(codes, testing::ElementsAre(0, 2, 0, -2, 2, 7, -8, 1, -8, 7));
  round_to_codes(weights, -0.5F, -8, 7, codes);
  EXPECT_THAT(codes, testing::ElementsAre(0, -2, 0, 2, -2, -8, 7, -1, 7, -8));
  round_to_codes(weights, 0.5F, -128, 127, codes);
  EXPECT_THAT(codes, testing::ElementsAre(0, 2, 0, -2, 2, 127, -128, 1, -128, 127));
  round_to_codes(weights, 0.0F, -8, 7, codes);
  EXPECT_THAT(codes, testing::Each(0));
}

TEST(ScaleSearch, AbsmaxMapsTheLargestToTheLargestCode) {
  EXPECT_EQ(absmax_scale(Values{1, -3.5F, 2}, 4), 0.5F);
  EXPECT_EQ(absmax_scale(Values{127, 3}, 8), 1.0F);
  EXPECT_EQ(absmax_scale(Values{-0.5F, 0.25F}, 2), 0.5F);
  const float scale = absmax_scale(Values{0.3F}, 4);
  EXPECT_TRUE(is_half(scale));
  EXPECT_NEAR(scale, 0.3F / 7, 0.3F / 7 / 2048);
}

TEST(ScaleSearch, IsWithinOnePercentOfTryingEveryScale) {
  std::mt19937 generator(1);
  for (const int bits : {2, 3, 4}) {
    for (const std::int64_t size : {20, 64, 128, 300}) {
      for (const bool weighted : {false, true}) {
        double found = 0;
        double min = 0;
        for (int repeat = 0; repeat < 12; ++repeat) {
          const Values weights = draw(size, generator, std::normal_distribution<float>(0, 0.02F));
          Values importance;
          if (weighted) {
            importance = draw(size, generator, std::lognormal_distribution<float>(0, 0.5F));
          }
          const float scale = mse_scale(weights, importance, bits);
          EXPECT_TRUE(is_half(scale));
          const double error = error_of_scale(weights, importance, scale, bits);
          const double best = min_error(weights, importance, bits);
          EXPECT_LT(error, 1.1 * best) << bits << " bits, " << size << " weights";
          found += error;
          min += best;
        }
        EXPECT_LT(found, 1.01 * min) << bits << " bits, " << size << " weights";
      }
    }
  }
}

TEST(ScaleSearch, IsNeverWorseThanAbsmax) {
  std::mt19937 generator(2);
  for (const int bits : {2, 3, 4, 5, 6, 7, 8}) {
    for (int repeat = 0; repeat < 100; ++repeat) {
      const std::int64_t size = 1 + repeat * 3;
      const Values weights = draw(size, generator, std::student_t_distribution<float>(3));
      const Values importance = draw(size, generator, std::lognormal_distribution<float>(0, 2));
      const float absmax = absmax_scale(weights, bits);
      EXPECT_LE(error_of_scale(weights, {}, mse_scale(weights, {}, bits), bits),
                error_of_scale(weights, {}, absmax, bits) * (1 + 1e-5) + 1e-9);
      EXPECT_LE(error_of_scale(weights, importance, mse_scale(weights, importance, bits), bits),
                error_of_scale(weights, importance, absmax, bits) * (1 + 1e-5) + 1e-9);
    }
  }
}

TEST(ScaleSearch, EightBitsGainOnAverage) {
  std::mt19937 generator(3);
  double found = 0;
  double absmax = 0;
  for (int repeat = 0; repeat < 50; ++repeat) {
    const Values weights = draw(128, generator, std::normal_distribution<float>());
    found += error_of_scale(weights, {}, mse_scale(weights, {}, 8), 8);
    absmax += error_of_scale(weights, {}, absmax_scale(weights, 8), 8);
  }
  EXPECT_LT(found, 0.97 * absmax);
}

TEST(ScaleSearch, AScaleIsNegativeWhereTheLargestWeightIsPositive) {
  // Only with -8 for 1.0 all of these are multiples of the scale.
  const Values weights = {1, 0.125F, -0.125F, 0.5F, -0.625F, 0.875F, -0.875F};
  EXPECT_EQ(mse_scale(weights, {}, 4), -0.125F);
  Values negated = weights;
  for (float& weight : negated) weight = -weight;
  EXPECT_EQ(mse_scale(negated, {}, 4), 0.125F);
}

TEST(ScaleSearch, ImportanceDecides) {
  // 5.2 lies between codes of the scale that suits all the others.
  const Values weights = {7, 1, 2, -3, 4, 5.2F, -6, 1};
  const Values others = {1, 1, 1, 1, 1, 0, 1, 1};
  EXPECT_EQ(mse_scale(weights, others, 4), 1.0F);
  const Values only = {0, 0, 0, 0, 0, 1, 0, 0};
  EXPECT_LT(error_of_scale(weights, only, mse_scale(weights, only, 4), 4), 1e-5);
  EXPECT_EQ(mse_scale(weights, Values(8, 0.0F), 4), absmax_scale(weights, 4));
}

TEST(ScaleSearch, ZerosHaveScaleZero) {
  for (const std::size_t size : {0, 1, 200}) {
    const Values zeros(size, 0.0F);
    EXPECT_EQ(absmax_scale(zeros, 4), 0.0F);
    EXPECT_EQ(mse_scale(zeros, {}, 4), 0.0F);
  }
}

TEST(ScaleSearch, TinyWeightsHaveANormalScale) {
  for (const float tiny : {1e-3F, 1e-5F, 1e-10F, 1e-38F, 1e-45F}) {
    const Values weights = {tiny, -tiny / 2, 0};
    for (const int bits : {2, 4, 8}) {
      for (const float scale : {absmax_scale(weights, bits), mse_scale(weights, {}, bits)}) {
        EXPECT_GE(std::abs(scale), 0x1p-14F);
        EXPECT_LE(std::abs(scale), std::max(0x1p-14F, 2 * tiny));
        EXPECT_TRUE(is_half(scale));
      }
    }
  }
}

TEST(ScaleSearch, WeightsThatNoHalfCanScaleAreRefused) {
  const float largest = 65504;
  EXPECT_EQ(absmax_scale(Values{7 * largest, 1}, 4), largest);
  EXPECT_LE(std::abs(mse_scale(Values{7 * largest, 1}, {}, 4)), largest);
  constexpr float kInfinity = std::numeric_limits<float>::infinity();
  constexpr float kNaN = std::numeric_limits<float>::quiet_NaN();
  for (const float bad : {7.1F * largest, -7.1F * largest, 3e38F, kInfinity, -kInfinity, kNaN}) {
    EXPECT_THAT(test::error_of([&] {
                  absmax_scale(Values{1, bad, 1}, 4);
                }),
                testing::HasSubstr("too large for 4 bits"));
    EXPECT_THROW(mse_scale(Values{1, bad, 1}, {}, 4), Error);
  }
}

}  // namespace
}  // namespace lightmamba

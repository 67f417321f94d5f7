#include "model/functions.h"

#include <cmath>
#include <gtest/gtest.h>
#include <vector>

namespace lightmamba {
namespace {

TEST(Functions, ActivationsHoldAtTheExtremes) {
  EXPECT_EQ(silu(-1e4F), 0.0F);
  EXPECT_EQ(silu(1e4F), 1e4F);
  EXPECT_EQ(softplus(1e4F), 1e4F);
  EXPECT_EQ(softplus(-1e4F), 0.0F);
  for (int i = -60; i <= 60; ++i) {
    const auto input = static_cast<float>(i) / 3;
    EXPECT_NEAR(silu(input), input / (1 + std::exp(-static_cast<double>(input))), 2e-6);
    EXPECT_NEAR(softplus(input), std::log1p(std::exp(static_cast<double>(input))), 2e-6);
  }
}

TEST(Functions, TheGateHoldsOverItsRange) {
  std::vector<float> gates;
  for (float z = -80; z < 80; z += 0.0137F) gates.push_back(z);
  std::vector<float> values(gates.size(), 3.0F);
  gate(gates, values);
  for (std::size_t i = 0; i < gates.size(); ++i) {
    const auto z = static_cast<double>(gates[i]);
    const double exact = 3 * z / (1 + std::exp(-z));
    ASSERT_NEAR(values[i], exact, 4e-7 * std::abs(exact)) << z;
  }
}

TEST(Functions, RmsnormWorksInEachGroupByItself) {
  const std::vector<float> x = {3, 4, 300, 400, 0, 0, 5, 12};
  const std::vector<float> gain = {1, 2, 1, 2};
  std::vector<float> out(x.size());
  rmsnorm(x, gain, 0.0F, 2, out);
  const float root = std::sqrt(12.5F);
  EXPECT_FLOAT_EQ(out[0], 3 / root);
  EXPECT_FLOAT_EQ(out[1], 2 * 4 / root);
  EXPECT_FLOAT_EQ(out[2], 300 / (100 * root));
  EXPECT_FLOAT_EQ(out[3], 2 * 400 / (100 * root));
  EXPECT_FLOAT_EQ(out[6], 5 / std::sqrt(84.5F));
  EXPECT_TRUE(std::isnan(out[4]));

  rmsnorm(x, gain, 1e-5F, 1, out);
  EXPECT_FLOAT_EQ(out[1], 2 * 4 / std::sqrt((9 + 16 + 90000 + 160000) / 4.0F));
}

TEST(Functions, RmsnormSurvivesValuesWhoseSquaresOverflow) {
  const std::vector<float> x = {1e25F, 1e25F};
  const std::vector<float> gain = {1, 1};
  std::vector<float> out(2);
  rmsnorm(x, gain, 1e-5F, 1, out);
  EXPECT_FLOAT_EQ(out[0], 1.0F);
}

}  // namespace
}  // namespace lightmamba

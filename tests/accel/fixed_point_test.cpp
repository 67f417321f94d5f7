#include "accel/numerics/fixed_point.h"

#include <cmath>
#include <gtest/gtest.h>
#include <random>

namespace lightmamba::accel {
namespace {

TEST(FixedPoint, BitLength) {
  EXPECT_EQ(bit_length(0), 0);
  EXPECT_EQ(bit_length(1), 1);
  EXPECT_EQ(bit_length(-1), 1);
  EXPECT_EQ(bit_length(255), 8);
  EXPECT_EQ(bit_length(-256), 9);
  EXPECT_EQ(bit_length(INT64_MIN), 64);
}

// Next to the definition in 80-bit floats, which hold the numbers exactly.
TEST(FixedPoint, RescaleRoundsHalvesUpAndSaturates) {
  std::mt19937_64 random(1);
  for (int i = 0; i < 100'000; ++i) {
    const std::int64_t x = static_cast<std::int64_t>(random()) >> random() % 64;
    const int shift = static_cast<int>(random() % 140) - 70;
    const int bits = 2 + static_cast<int>(random() % 62);
    const long double exact = std::ldexp(static_cast<long double>(x), -shift);
    const long double limit = std::ldexp(1.0L, bits - 1);
    const long double expected = std::fmin(std::fmax(std::floor(exact + 0.5L), -limit), limit - 1);
    EXPECT_EQ(static_cast<long double>(rescale(x, shift, bits)), expected)
        << x << " >> " << shift << " in " << bits;
  }
}

TEST(FixedPoint, RescaleAtTheEdges) {
  EXPECT_EQ(rescale(1, 1, 8), 1);
  EXPECT_EQ(rescale(-1, 1, 8), 0);
  EXPECT_EQ(rescale(-3, 1, 8), -1);
  EXPECT_EQ(rescale(127, 0, 8), 127);
  EXPECT_EQ(rescale(128, 0, 8), 127);
  EXPECT_EQ(rescale(-128, 0, 8), -128);
  EXPECT_EQ(rescale(-64, -1, 8), -128);
  EXPECT_EQ(rescale(1, -500, 8), 127);
  EXPECT_EQ(rescale(-1, -500, 8), -128);
  EXPECT_EQ(rescale(INT64_MAX, 200, 63), 0);
}

}  // namespace
}  // namespace lightmamba::accel

#include "accel/numerics/functions.h"

#include <cmath>
#include <gtest/gtest.h>
#include <random>

#include "accel/numerics/fixed_point.h"

namespace lightmamba::accel {
namespace {

double value_of(const Scaled& x) { return std::ldexp(static_cast<double>(x.mantissa), x.exponent); }

double relative_error(double value, double expected) { return std::abs(value / expected - 1); }

TEST(AcceleratorFunctions, NormalizeKeepsTheValue) {
  std::mt19937_64 random(2);
  for (int i = 0; i < 10'000; ++i) {
    const auto mantissa = static_cast<std::int64_t>(random() >> (1 + random() % 63));
    if (mantissa == 0) continue;
    const Scaled result = normalize({mantissa, 3}, 11);
    EXPECT_EQ(bit_length(result.mantissa), 11);
    EXPECT_LE(relative_error(value_of(result), 8.0 * static_cast<double>(mantissa)), 0x1p-11);
  }
  EXPECT_EQ(normalize({2047 * 2 + 1, 0}, 11), (Scaled{1024, 2}));
  EXPECT_EQ(normalize({0, 5}, 11), (Scaled{0, kZeroExponent}));
}

TEST(AcceleratorFunctions, InverseRoot) {
  std::mt19937_64 random(3);
  for (int i = 0; i < 100'000; ++i) {
    const std::uint64_t sum = random() >> random() % 64;
    if (sum == 0) continue;
    const Scaled root = inverse_root(sum);
    EXPECT_GE(root.mantissa, 1 << 15);
    EXPECT_LE(root.mantissa, 1 << 16);
    EXPECT_LT(relative_error(value_of(root), 1 / std::sqrt(static_cast<double>(sum))), 0x1p-14)
        << sum;
  }
  EXPECT_EQ(inverse_root(0).mantissa, 0);
  EXPECT_EQ(inverse_root(1), (Scaled{1 << 16, -16}));
}

TEST(AcceleratorFunctions, Silu) {
  for (std::int64_t x = -(1 << 25); x < 1 << 25; x += 97) {
    const double real = std::ldexp(static_cast<double>(x), -kFractionBits);
    const double expected = real / (1 + std::exp(-real));
    EXPECT_NEAR(std::ldexp(static_cast<double>(silu(x)), -kFractionBits), expected,
                0x1p-15 * std::abs(real) + 0x1p-16)
        << real;
  }
}

TEST(AcceleratorFunctions, Softplus) {
  const std::int64_t end = 1 << (kDtBits - 1);
  for (std::int64_t x = -end; x < end; ++x) {
    // Below -16 it is held there.
    const double real = std::max(-16.0, std::ldexp(static_cast<double>(x), -kDtFractionBits));
    EXPECT_LT(relative_error(value_of(softplus(x)), std::log1p(std::exp(real))), 0x1p-12) << real;
  }
}

TEST(AcceleratorFunctions, OneMinusExp) {
  for (int exponent = -40; exponent < 10; ++exponent) {
    for (std::int64_t mantissa = 1 << 15; mantissa < 1 << 16; mantissa += 57) {
      const Scaled u = {mantissa, exponent - 15};
      EXPECT_LT(relative_error(value_of(one_minus_exp(u)), -std::expm1(-value_of(u))), 0x1p-11)
          << value_of(u);
    }
  }
  EXPECT_EQ(one_minus_exp({0, 0}).mantissa, 0);
}

}  // namespace
}  // namespace lightmamba::accel

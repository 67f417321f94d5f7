#include "base/dtype.h"

#include <cmath>
#include <cstring>
#include <gtest/gtest.h>
#include <limits>
#include <vector>

namespace lightmamba {
namespace {

// binary16 by its definition, without bit tricks.
double half_value(unsigned bits) {
  const double sign = bits & 0x8000u ? -1.0 : 1.0;
  const int exponent = static_cast<int>(bits >> 10 & 31u);
  const double fraction = static_cast<double>(bits & 1023u) / 1024.0;
  if (exponent == 31) return fraction == 0 ? sign * INFINITY : NAN;
  if (exponent == 0) return sign * std::ldexp(fraction, -14);
  return sign * std::ldexp(1.0 + fraction, exponent - 15);
}

TEST(Half, EveryValueConvertsBothWays) {
  for (unsigned bits = 0; bits < 65536; ++bits) {
    const float value = half_to_float(static_cast<std::uint16_t>(bits));
    const double expected = half_value(bits);
    if (std::isnan(expected)) {
      EXPECT_TRUE(std::isnan(value)) << bits;
      EXPECT_TRUE(std::isnan(half_to_float(float_to_half(value)))) << bits;
    } else {
      ASSERT_EQ(static_cast<double>(value), expected) << bits;
      ASSERT_EQ(std::signbit(value), bits >= 0x8000u) << bits;
      ASSERT_EQ(float_to_half(value), bits);
    }
  }
}

TEST(Half, RoundsToNearestEven) {
  for (unsigned bits = 0; bits < 0x7bff; ++bits) {
    const double low = half_value(bits);
    const double high = half_value(bits + 1);
    const auto middle = static_cast<float>((low + high) / 2);
    EXPECT_EQ(float_to_half(middle), bits % 2 == 0 ? bits : bits + 1);
    EXPECT_EQ(float_to_half(std::nextafter(middle, 0.0F)), bits);
    EXPECT_EQ(float_to_half(std::nextafter(middle, INFINITY)), bits + 1);
  }
  EXPECT_EQ(float_to_half(65519.0F), 0x7bff);
  EXPECT_EQ(float_to_half(65520.0F), 0x7c00);
  EXPECT_EQ(float_to_half(1e-30F), 0);
}

TEST(Bfloat16, IsTheUpperHalfOfAFloatRounded) {
  EXPECT_EQ(bfloat16_to_float(0x3f80), 1.0F);
  EXPECT_EQ(float_to_bfloat16(1.0F + 0x1p-8F), 0x3f80);  // a tie goes to even
  EXPECT_EQ(float_to_bfloat16(1.0F + 0x3p-8F), 0x3f82);
  EXPECT_EQ(float_to_bfloat16(std::numeric_limits<float>::max()), 0x7f80);
  EXPECT_TRUE(std::isnan(bfloat16_to_float(float_to_bfloat16(NAN))));
}

TEST(ToFloat, VectorCodeAgreesWithTheScalarAtAnyAlignmentAndLength) {
  std::vector<std::byte> bytes(2 * 65536 + 3);
  for (std::size_t shift = 0; shift < 3; ++shift) {
    for (unsigned i = 0; i < 65536; ++i) {
      const auto half = static_cast<std::uint16_t>(i);
      std::memcpy(bytes.data() + shift + 2 * static_cast<std::size_t>(i), &half, 2);
    }
    std::vector<float> out(65536 - 5);
    to_float(DType::f16, bytes.data() + shift, out);
    for (std::size_t i = 0; i < out.size(); ++i) {
      const float expected = half_to_float(static_cast<std::uint16_t>(i));
      ASSERT_TRUE(out[i] == expected || (std::isnan(out[i]) && std::isnan(expected))) << i;
    }
  }
}

}  // namespace
}  // namespace lightmamba

#include <cmath>
#include <cstring>
#include <limits>
#include <random>
#include <vector>

#include <lightmamba/fake_quant.h>

#include "base/threads.h"
#include "support/errors.h"

namespace lightmamba {
namespace {

using test::error_of;
using ::testing::HasSubstr;

std::vector<float> random_values(std::size_t count, unsigned seed) {
  std::mt19937 generator(seed);
  std::normal_distribution<float> normal;
  std::vector<float> values(count);
  for (float& value : values) value = normal(generator) * std::exp(normal(generator));
  return values;
}

// What one group becomes by the formulas of the header, in double. NaN where a code lies so close
// to the middle between two whole numbers that float32 may round it otherwise; nothing where the
// zero point does.
std::vector<double> by_the_formula(const Quantizer& q, std::span<const float> group) {
  double low = 0;
  double high = 0;
  for (const float x : group) {
    low = std::min(low, static_cast<double>(x));
    high = std::max(high, static_cast<double>(x));
  }
  const long half = 1L << (q.bits - 1);
  const double clip = q.clip;
  double scale = clip * std::max(-low, high) / static_cast<double>(half - 1);
  long lowest = 1 - half;
  long highest = half - 1;
  bool negative = false;
  if (!q.symmetric) {
    scale = clip * (high - low) / static_cast<double>(2 * half - 1);
  } else if (q.full_range) {
    scale = clip * std::max(-low, high) / static_cast<double>(half);
    lowest = -half;
    negative = high > -low;
  }
  if (q.power_of_two) scale = std::exp2(std::ceil(std::log2(scale) - 1e-9));
  if (!q.symmetric) {
    const double exact = -clip * low / scale;
    if (std::abs(exact - std::floor(exact) - 0.5) < 1e-3) return {};
    const long zero_point = std::clamp(std::lround(exact), 0L, 2 * half - 1);
    lowest = -zero_point;
    highest = 2 * half - 1 - zero_point;
  }
  if (negative) scale = -scale;
  std::vector<double> values;
  for (const float x : group) {
    const double exact =
        std::clamp(x / scale, static_cast<double>(lowest), static_cast<double>(highest));
    const bool is_tie = std::abs(exact - std::floor(exact) - 0.5) < 1e-3;
    values.push_back(is_tie ? NAN : std::nearbyint(exact) * scale);
  }
  return values;
}

std::vector<Quantizer> many_quantizers() {
  std::vector<Quantizer> all;
  for (const int bits : {2, 3, 4, 8, 12}) {
    for (const bool power_of_two : {false, true}) {
      for (const float clip : {1.0F, 0.8F}) {
        for (const std::int64_t group : {0, 7, 16}) {
          const Quantizer plain{
              .bits = bits, .group = group, .power_of_two = power_of_two, .clip = clip};
          Quantizer full = plain;
          full.full_range = true;
          Quantizer asymmetric = plain;
          asymmetric.symmetric = false;
          all.insert(all.end(), {plain, full, asymmetric});
        }
      }
    }
  }
  return all;
}

TEST(Quantizer, FollowsTheFormulas) {
  constexpr std::size_t kColumns = 40;  // with a last group of 5 or 8
  const std::vector<float> values = random_values(60 * kColumns, 1);
  for (const Quantizer& q : many_quantizers()) {
    SCOPED_TRACE(quantizer_text(q));
    std::vector<float> found = values;
    fake_quantize(q, kColumns, found);
    const std::size_t group = q.group == 0 ? kColumns : static_cast<std::size_t>(q.group);
    std::size_t checked = 0;
    for (std::size_t row = 0; row < values.size(); row += kColumns) {
      for (std::size_t begin = 0; begin < kColumns; begin += group) {
        const std::size_t size = std::min(group, kColumns - begin);
        const std::vector<double> expected =
            by_the_formula(q, std::span(values).subspan(row + begin, size));
        for (std::size_t i = 0; i < expected.size(); ++i) {
          if (std::isnan(expected[i])) continue;
          ++checked;
          ASSERT_NEAR(found[row + begin + i], expected[i], 1e-5 * std::abs(expected[i]));
        }
      }
    }
    EXPECT_GT(checked, values.size() * 9 / 10);
  }
}

TEST(Quantizer, RoundsTiesToEven) {
  std::vector<float> values = {7, 0.5F, 1.5F, 2.5F, -0.5F, -1.5F, -2.5F, 3.49F};
  fake_quantize({.bits = 4, .group = 0}, 8, values);
  EXPECT_THAT(values, testing::ElementsAre(7, 0, 2, 2, 0, -2, -2, 3));
}

TEST(Quantizer, TheFullRangeGivesTheLowestCodeToTheExtreme) {
  const Quantizer q{.bits = 4, .group = 4, .full_range = true};
  std::vector<float> values = {8, -7, 1.2F, 0, -8, 8, 3, 1};
  fake_quantize(q, 8, values);
  // A scale of -1, then of 1, whose highest code is 7.
  EXPECT_THAT(values, testing::ElementsAre(8, -7, 1, 0, -8, 7, 3, 1));
}

TEST(Quantizer, ClippedValuesSaturate) {
  std::vector<float> values = {14, -14, 3.4F, 6};
  fake_quantize({.bits = 4, .group = 0, .clip = 0.5F}, 4, values);
  EXPECT_THAT(values, testing::ElementsAre(7, -7, 3, 6));
}

TEST(Quantizer, APowerOfTwoIsNotRoundedFurther) {
  std::vector<float> values = {127 * 0.25F, -0.26F, 0.9F, 128 * 0.25F, -0.26F, 0.9F};
  fake_quantize({.bits = 8, .group = 0, .power_of_two = true}, 3, values);
  EXPECT_THAT(values, testing::ElementsAre(31.75F, -0.25F, 1, 32, -0.5F, 1));
}

TEST(Quantizer, ZerosStayZeros) {
  for (const Quantizer& q : many_quantizers()) {
    SCOPED_TRACE(quantizer_text(q));
    std::vector<float> values(16 + 24, 0.0F);
    values[3] = 0.7F;
    values[20] = -1.3F;
    values[21] = -0.4F;
    fake_quantize(q, 20, values);
    for (std::size_t i = 0; i < values.size(); ++i) {
      if (i == 3 || i == 20 || i == 21) continue;
      ASSERT_EQ(values[i], 0) << i;
    }
    EXPECT_NE(values[3], 0);
    EXPECT_NE(values[20], 0);
  }
}

TEST(Quantizer, WhatIsNotFiniteMakesItsGroupNaN) {
  for (const float bad :
       {std::numeric_limits<float>::quiet_NaN(), std::numeric_limits<float>::infinity(),
        -std::numeric_limits<float>::infinity()}) {
    for (const bool symmetric : {true, false}) {
      std::vector<float> values(24, 1.0F);
      values[12] = bad;
      fake_quantize({.bits = 4, .group = 8, .symmetric = symmetric}, 12, values);
      for (std::size_t i = 0; i < values.size(); ++i) {
        EXPECT_EQ(std::isnan(values[i]), i >= 12 && i < 20) << i;
      }
    }
  }
}

TEST(Quantizer, TinyValuesStayFinite) {
  for (const float size : {1e-45F, 1e-38F, 1e-32F, 1e-29F, 1e-20F, 1e38F}) {
    for (const Quantizer& q : many_quantizers()) {
      SCOPED_TRACE(quantizer_text(q));
      std::vector<float> values = {size, -0.3F * size, 0.6F * size, 0};
      const std::vector<float> before = values;
      fake_quantize(q, 4, values);
      for (std::size_t i = 0; i < values.size(); ++i) {
        ASSERT_TRUE(std::isfinite(values[i]));
        ASSERT_LE(std::abs(values[i] - before[i]), 1.01F * size);
      }
      EXPECT_EQ(values[0] > 0, size >= 1e-29F);
    }
  }
}

TEST(Quantizer, QuantizingTwiceChangesNothing) {
  const std::vector<float> values = random_values(50 * 40, 2);
  for (const Quantizer& q : many_quantizers()) {
    // A clip shrinks the range again, and a zero point moves with the range.
    // Of e and -e the other may decide the second time if the first scale was rounded up.
    if (q.clip != 1.0F || !q.symmetric || (q.full_range && q.power_of_two)) continue;
    std::vector<float> once = values;
    fake_quantize(q, 40, once);
    std::vector<float> twice = once;
    fake_quantize(q, 40, twice);
    for (std::size_t i = 0; i < once.size(); ++i) {
      ASSERT_NEAR(twice[i], once[i], 1e-6F * std::abs(once[i])) << quantizer_text(q) << ' ' << i;
    }
  }
}

TEST(Quantizer, ThreadsDoNotChangeABit) {
  const std::vector<float> values = random_values(200 * 1000, 3);
  for (const char* text : {"4:128", "8:64:pot", "4:0:asym", "4:100:full:clip=0.9"}) {
    std::vector<float> first;
    for (const int threads : {1, 2, 3}) {
      set_thread_count(threads);
      std::vector<float> found = values;
      fake_quantize(parse_quantizer(text), 1000, found);
      if (threads == 1) first = found;
      EXPECT_EQ(std::memcmp(found.data(), first.data(), found.size() * sizeof(float)), 0);
    }
  }
  set_thread_count(0);
}

TEST(Quantizer, ATapQuantizesWhatPasses) {
  std::vector<float> values = random_values(24, 4);
  std::vector<float> expected = values;
  const Quantizer q{.bits = 4, .group = 5};
  fake_quantize(q, 12, expected);
  quantizing_tap(q)({Tap::gated, 0, 0, 2, 12, values});
  EXPECT_EQ(values, expected);
  EXPECT_THROW(quantizing_tap({.bits = 1}), Error);
}

TEST(Quantizer, TextIsReadBack) {
  EXPECT_EQ(parse_quantizer("4"), (Quantizer{.bits = 4}));
  EXPECT_EQ(parse_quantizer("4:64"), (Quantizer{.bits = 4, .group = 64}));
  EXPECT_EQ(parse_quantizer("8:pot"), (Quantizer{.bits = 8, .power_of_two = true}));
  EXPECT_EQ(parse_quantizer("3:0:full:clip=0.75"),
            (Quantizer{.bits = 3, .group = 0, .full_range = true, .clip = 0.75F}));
  EXPECT_EQ(parse_quantizer("16:asym:9"), (Quantizer{.bits = 16, .group = 9, .symmetric = false}));
  for (Quantizer q : many_quantizers()) EXPECT_EQ(parse_quantizer(quantizer_text(q)), q);
}

TEST(Quantizer, BadTextIsRefused) {
  const auto message = [](const char* text) { return error_of([&] { parse_quantizer(text); }); };
  EXPECT_THAT(message(""), HasSubstr("'' is not part of BITS"));
  EXPECT_THAT(message("four"), HasSubstr("'four' is not part of BITS"));
  EXPECT_THAT(message("4:sym"), HasSubstr("quantizer '4:sym': 'sym' is not part"));
  EXPECT_THAT(message("4::pot"), HasSubstr("'' is not part"));
  EXPECT_THAT(message("4x"), HasSubstr("'4x'"));
  EXPECT_THAT(message("4:clip="), HasSubstr("'clip='"));
  EXPECT_THAT(message("1"), HasSubstr("'1': quantizer: bits must be 2 to 16, but are 1"));
  EXPECT_THAT(message("17"), HasSubstr("but are 17"));
  EXPECT_THAT(message("4:-1"), HasSubstr("must not be negative, but is -1"));
  EXPECT_THAT(message("4:full:asym"), HasSubstr("full range is for symmetric"));
  for (const char* clip : {"4:clip=0", "4:clip=1.5", "4:clip=-1", "4:clip=nan", "4:clip=inf"}) {
    EXPECT_THAT(message(clip), HasSubstr("clip must be above 0 and at most 1"));
  }
}

TEST(Quantizer, BadArgumentsAreRefused) {
  std::vector<float> values(10);
  EXPECT_THAT(error_of([&] { fake_quantize({}, 3, values); }),
              HasSubstr("10 values are not whole rows of 3"));
  EXPECT_THAT(error_of([&] { fake_quantize({}, 0, values); }), HasSubstr("whole rows of 0"));
  EXPECT_THAT(error_of([&] { fake_quantize({.bits = 20}, 5, values); }), HasSubstr("bits"));
  fake_quantize({}, 5, {});
}

}  // namespace
}  // namespace lightmamba

#include "quant/state_format.h"

#include <algorithm>
#include <cmath>
#include <gtest/gtest.h>
#include <limits>
#include <set>
#include <vector>

#include "base/threads.h"

namespace lightmamba {
namespace {

using Row = std::vector<float>;

Row rounded(const StateCodes& codes, Row row, std::int64_t position = 0, std::int64_t layer = 0) {
  round_state(codes, std::ssize(row), layer, position, row);
  return row;
}

constexpr StateCodes kNearest8 = {.bits = 8, .dithered = false};
constexpr StateCodes kDithered8 = {.bits = 8};

TEST(StateFormat, HasTheBitsOfItsName) {
  EXPECT_EQ(state_codes(StateFormat::floating).bits, 0);
  EXPECT_EQ(state_codes(StateFormat::int16).bits, 16);
  EXPECT_EQ(state_codes(StateFormat::int8_feedback).bits, 12);
  EXPECT_EQ(state_codes(StateFormat::int8).bits, 8);
  EXPECT_TRUE(state_codes(StateFormat::int16).dithered);
  EXPECT_FALSE(state_tap(state_codes(StateFormat::floating), {}));
}

TEST(RoundState, FloatAndNearest) {
  const Row row = {127.0F, 0.4F, -1.6F, 100.0F};  // the scale of 8 bits is 1
  EXPECT_EQ(rounded({.bits = 0}, row), row);
  EXPECT_EQ(rounded(kNearest8, row), (Row{127.0F, 0.0F, -2.0F, 100.0F}));
}

TEST(RoundState, DitheredGoesToOneOfTheTwoCodesAround) {
  const Row row = {127.0F, 0.4F, -1.6F, 99.99F, -0.001F};
  for (std::int64_t position = 0; position < 1000; ++position) {
    const Row found = rounded(kDithered8, row, position);
    for (std::size_t i = 0; i < row.size(); ++i) {
      EXPECT_TRUE(found[i] == std::floor(row[i]) || found[i] == std::ceil(row[i]))
          << row[i] << " became " << found[i];
    }
  }
}

TEST(RoundState, DitherIsRightOnAverageEvenOverFewTokens) {
  const Row row = {32767.0F, 0.3F, -0.01F, 1000.7F};
  constexpr std::int64_t kTokens = 1000;
  for (const std::int64_t first : {0, 5, 40'000, 1'000'000'000}) {
    std::vector<double> sum(row.size());
    for (std::int64_t t = 0; t < kTokens; ++t) {
      const Row found = rounded({.bits = 16}, row, first + t);
      for (std::size_t i = 0; i < row.size(); ++i) sum[i] += found[i];
    }
    for (std::size_t i = 0; i < row.size(); ++i) {
      EXPECT_NEAR(sum[i] / kTokens, row[i], 0.005) << i;
    }
  }
}

TEST(RoundState, KeepsCodesAndZeros) {
  for (const int bits : {8, 12, 16}) {
    const float largest = static_cast<float>((1 << (bits - 1)) - 1) * 0.25F;
    const Row codes = {largest, -largest, 0.25F, -0.25F, 0.0F, 3.0F};
    for (std::int64_t position = 0; position < 200; ++position) {
      EXPECT_EQ(rounded({.bits = bits}, codes, position), codes);
    }
    EXPECT_EQ(rounded({.bits = bits}, Row(6)), Row(6));
    EXPECT_EQ(rounded({.bits = bits}, Row(6, 1e-35F)), Row(6));
  }
}

TEST(RoundState, HoldsValuesNextToTheSmallestRange) {
  for (const float value : {1.5e-30F, 3e-30F}) {
    for (const float found : rounded({.bits = 16}, Row(6, value))) {
      EXPECT_NEAR(found, value, 0.01F * value);
    }
  }
}

TEST(RoundState, ThresholdsDifferByTokenIndexAndLayer) {
  Row row(128, 0.5F);
  row[0] = 127;
  std::set<Row> seen;
  for (const std::int64_t position : {0, 1}) {
    for (const std::int64_t layer : {0, 1}) seen.insert(rounded(kDithered8, row, position, layer));
  }
  EXPECT_EQ(seen.size(), 4u);
  for (const Row& found : seen) {
    const auto up = std::count(found.begin() + 1, found.end(), 1.0F);
    EXPECT_GE(up, 60);
    EXPECT_LE(up, 67);
  }
}

TEST(RoundState, MakesNaNOfAGroupThatHasOne) {
  Row state = {1.0F, std::numeric_limits<float>::quiet_NaN(), 1.0F, 2.0F};
  round_state(kDithered8, 2, 0, 0, state);
  EXPECT_TRUE(std::isnan(state[0]) && std::isnan(state[1]));
  EXPECT_FALSE(std::isnan(state[2]));
}

TEST(RoundState, IsTheSameOnAnyNumberOfThreads) {
  Row state(512 * 128);
  for (std::size_t i = 0; i < state.size(); ++i) state[i] = std::sin(static_cast<float>(i * i));
  std::vector<Row> found;
  for (const int threads : {1, 2, 5}) {
    set_thread_count(threads);
    found.push_back(state);
    round_state({.bits = 16}, 128, 3, 77, found.back());
  }
  set_thread_count(0);
  EXPECT_EQ(found[0], found[1]);
  EXPECT_EQ(found[0], found[2]);
}

}  // namespace
}  // namespace lightmamba

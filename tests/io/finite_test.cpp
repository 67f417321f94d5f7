#include "io/finite.h"

#include <algorithm>
#include <bit>
#include <gtest/gtest.h>
#include <memory>
#include <span>
#include <vector>

#include "base/threads.h"
#include "support/errors.h"

namespace lightmamba {
namespace {

using ::testing::HasSubstr;

// At an odd address, as a tensor of a mapped file may lie.
template <typename Bits>
Tensor tensor_of(DType dtype, const std::vector<Bits>& values, const Shape& shape) {
  auto bytes = std::make_shared<std::vector<std::byte>>(values.size() * sizeof(Bits) + 1);
  std::ranges::copy(std::as_bytes(std::span(values)), bytes->begin() + 1);
  const auto data = std::span<const std::byte>(*bytes).subspan(1);
  return {dtype, shape, data, std::move(bytes)};
}

template <typename Bits>
std::optional<std::size_t> first(DType dtype, const std::vector<Bits>& values) {
  return first_not_finite(tensor_of(dtype, values, {std::ssize(values)}));
}

TEST(Finite, EveryPatternOfSixteenBits) {
  for (unsigned pattern = 0; pattern <= 0xffff; ++pattern) {
    const auto bits = static_cast<std::uint16_t>(pattern);
    ASSERT_EQ(first<std::uint16_t>(DType::f16, {bits}).has_value(), (pattern & 0x7c00U) == 0x7c00U);
    ASSERT_EQ(first<std::uint16_t>(DType::bf16, {bits}).has_value(),
              (pattern & 0x7f80U) == 0x7f80U);
  }
}

TEST(Finite, FloatsAndWhatADoubleIsAsAFloat) {
  for (const float value : {0.0F, -0.0F, 1e-45F, 3.4028235e38F, -3.4028235e38F}) {
    EXPECT_FALSE(first<float>(DType::f32, {value})) << value;
  }
  for (const float value : {INFINITY, -INFINITY, NAN, -NAN}) {
    EXPECT_EQ(first<float>(DType::f32, {1, value}), 1U) << value;
  }
  for (const double value : {3.4028235e38, 1e-300, 0x1.fffffefffffffp127, -0x1.fffffefffffffp127,
                             0x1.ffffffp127, 1e39, -1e300, static_cast<double>(NAN)}) {
    EXPECT_EQ(first<double>(DType::f64, {value}).has_value(),
              !std::isfinite(static_cast<float>(value)))
        << value;
  }
}

TEST(Finite, TheFirstOfSeveralIsFoundOnAnyNumberOfThreads) {
  std::vector<float> values(3'000'000, 1.0F);
  for (const std::size_t at : {2'999'999, 1'500'000, 700'001, 700'000, 5}) {
    values[at] = NAN;
    for (const int threads : {1, 3}) {
      set_thread_count(threads);
      EXPECT_EQ(first(DType::f32, values), at);
    }
  }
  set_thread_count(0);
  EXPECT_FALSE(first(DType::f32, std::vector<float>()));
}

TEST(Finite, IntegersAlwaysAre) { EXPECT_FALSE(first<std::int32_t>(DType::i32, {0x7fffffff, -1})); }

TEST(Finite, MessagesHaveTheElement) {
  std::vector<double> values(24);
  values[2 * 8 + 5] = 1e300;
  EXPECT_THAT(test::error_of([&] {
                require_finite(tensor_of(DType::f64, values, {3, 1, 8}), "t");
              }),
              HasSubstr("t: element [2, 0, 5] is 1e+300, which is beyond what a float holds"));
  values[7] = -INFINITY;
  EXPECT_THAT(test::error_of([&] {
                require_finite(tensor_of(DType::f64, values, {4, 6}), "t");
              }),
              HasSubstr("t: element [1, 1] is -inf, not a finite number"));
}

}  // namespace
}  // namespace lightmamba

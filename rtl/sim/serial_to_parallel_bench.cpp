#include <cstdint>
#include <gtest/gtest.h>
#include <vector>

#include "Vsaturate_32_18.h"
#include "Vsaturate_32_26.h"
#include "Vserial_to_parallel_8_1.h"
#include "Vserial_to_parallel_8_4.h"
#include "Vserial_to_parallel_8_64.h"
#include "accel/numerics/fixed_point.h"
#include "ports.h"
#include "streams.h"

namespace lightmamba::accel {
namespace {

template <typename Unit>
void check_gather(std::size_t count) {
  constexpr std::size_t kBeats = 300;
  constexpr int kBits = 8;
  Unit unit;
  RandomNumbers random(count);
  std::vector<std::int64_t> items;
  std::vector<Beat> expected;
  for (std::size_t i = 0; i < kBeats * count; ++i) {
    if (i % count == 0) expected.emplace_back();
    items.push_back(random.number(kBits));
    expected.back().push_back(items.back());
  }
  const StreamWork work = {
      .clock = clock_of(unit),
      .in = {{unit.in_valid_i, unit.in_ready_o, items.size(),
              [&](std::size_t i) { set_lane(unit.in_data_i, 0, kBits, items[i]); }}},
      .out = {{unit.out_valid_o, unit.out_ready_i,
               [&] { return lanes_of(unit.out_data_o, count, kBits); }, expected}}};
  exercise(work, static_cast<std::int64_t>(items.size()) + 1);
}

TEST(SerialToParallelRtl, JoinsItemsOf1) { check_gather<Vserial_to_parallel_8_1>(1); }
TEST(SerialToParallelRtl, JoinsItemsOf4) { check_gather<Vserial_to_parallel_8_4>(4); }
TEST(SerialToParallelRtl, JoinsItemsOf64) { check_gather<Vserial_to_parallel_8_64>(64); }

template <typename Unit>
void check_saturate(int bits) {
  Unit unit;
  RandomNumbers random(static_cast<std::uint64_t>(bits));
  const auto check = [&](std::int64_t x) {
    unit.x_i = static_cast<std::uint32_t>(low_bits(x, 32));
    unit.eval();
    ASSERT_EQ(sign_extend(unit.y_o, bits), saturate(x, bits)) << x;
  };
  const std::int64_t end = std::int64_t{1} << (bits - 1);
  for (int i = -3; i <= 3; ++i) {
    check(end + i);
    check(-end + i);
  }
  for (int i = 0; i < 100'000; ++i) check(random.number(32));
}

TEST(SaturateRtl, EqualsGoldenOf26Bits) { check_saturate<Vsaturate_32_26>(26); }
TEST(SaturateRtl, EqualsGoldenOf18Bits) { check_saturate<Vsaturate_32_18>(18); }

}  // namespace
}  // namespace lightmamba::accel

#include <cstdint>
#include <deque>
#include <gtest/gtest.h>

#include "Vnormalize_10_16.h"
#include "Vnormalize_16_8.h"
#include "Vnormalize_17_16.h"
#include "Vnormalize_24_16.h"
#include "Vnormalize_32_16.h"
#include "accel/numerics/functions.h"
#include "clock.h"
#include "ports.h"

namespace lightmamba::accel {
namespace {

constexpr int kExponentBits = 10;
constexpr std::size_t kLatency = 2;

std::int64_t mantissa_of(RandomNumbers& random, int bits) {
  const std::int64_t max = (std::int64_t{1} << bits) - 1;
  switch (random.below(8)) {
    case 0:  // rounded up to a power of two, or nearly so
      return (max - static_cast<std::int64_t>(random.below(300))) &
             (max >> random.below(static_cast<std::uint64_t>(bits)));
    case 1:
      return std::int64_t{1} << random.below(static_cast<std::uint64_t>(bits));
    default:
      return random.number(bits + 1) & max;
  }
}

template <typename Unit>
void check_normalize(int in_bits, int out_bits) {
  Unit unit;
  RandomNumbers random(static_cast<std::uint64_t>(in_bits));
  std::deque<Scaled> expected;
  for (int i = 0; i < 100'000; ++i) {
    const Scaled x = {mantissa_of(random, in_bits), static_cast<int>(random.number(9))};
    set_field(unit.mantissa_i, 0, in_bits, x.mantissa);
    unit.exponent_i = static_cast<std::uint16_t>(low_bits(x.exponent, kExponentBits));
    unit.advance_i = random.chance(80);
    settle(unit);
    if (expected.size() == kLatency) {
      const Scaled y = {unit.mantissa_o,
                        static_cast<int>(sign_extend(unit.exponent_o, kExponentBits))};
      ASSERT_EQ(y, expected.front());
    }
    if (unit.advance_i) {
      expected.push_back(normalize(x, out_bits));
      if (expected.size() > kLatency) expected.pop_front();
    }
    rise(unit);
  }
}

TEST(NormalizeRtl, EqualsGolden24To16) { check_normalize<Vnormalize_24_16>(24, 16); }
TEST(NormalizeRtl, EqualsGolden32To16) { check_normalize<Vnormalize_32_16>(32, 16); }
TEST(NormalizeRtl, EqualsGolden17To16) { check_normalize<Vnormalize_17_16>(17, 16); }
TEST(NormalizeRtl, EqualsGolden10To16) { check_normalize<Vnormalize_10_16>(10, 16); }
TEST(NormalizeRtl, EqualsGolden16To8) { check_normalize<Vnormalize_16_8>(16, 8); }

}  // namespace
}  // namespace lightmamba::accel

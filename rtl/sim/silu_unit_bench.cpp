#include <cstdint>
#include <gtest/gtest.h>
#include <vector>

#include "Vsilu_unit_1.h"
#include "Vsilu_unit_16.h"
#include "Vsilu_unit_3.h"
#include "Vsilu_unit_4.h"
#include "accel/numerics/functions.h"
#include "ports.h"
#include "stream.h"

namespace lightmamba::accel {
namespace {

constexpr std::size_t kLatency = 6;

template <typename Unit>
Work silu_work(Unit& unit, std::size_t lanes, const std::vector<std::int64_t>& x) {
  const std::size_t beats = x.size() / lanes;
  return {.beats_in = beats,
          .beats_out = beats,
          .send =
              [&unit, &x, lanes](std::size_t beat) {
                for (std::size_t i = 0; i < lanes; ++i) {
                  set_lane(unit.in_values_i, i, kActivationBits, x[beat * lanes + i]);
                }
              },
          .check =
              [&unit, &x, lanes](std::size_t beat) {
                for (std::size_t i = 0; i < lanes; ++i) {
                  const std::int64_t in = x[beat * lanes + i];
                  ASSERT_EQ(get_lane(unit.out_values_o, i, kActivationBits), silu(in)) << in;
                }
              }};
}

std::vector<std::int64_t> random_values(std::size_t count) {
  RandomNumbers random(2);
  std::vector<std::int64_t> x(count);
  for (std::int64_t& value : x) value = random.number(kActivationBits);
  return x;
}

template <typename Unit>
void check_streams(std::size_t lanes) {
  Unit unit;
  const std::vector<std::int64_t> x = random_values(3000 * lanes);
  exercise(unit, silu_work(unit, lanes, x), kLatency);
}

TEST(SiluRtl, EqualsGoldenWithStalls1) { check_streams<Vsilu_unit_1>(1); }
TEST(SiluRtl, EqualsGoldenWithStalls3) { check_streams<Vsilu_unit_3>(3); }
TEST(SiluRtl, EqualsGoldenWithStalls4) { check_streams<Vsilu_unit_4>(4); }
TEST(SiluRtl, EqualsGoldenWithStalls16) { check_streams<Vsilu_unit_16>(16); }

TEST(SiluRtl, EqualsGoldenOverAllOfTheRange) {
  constexpr std::int64_t kEnd = std::int64_t{1} << (kActivationBits - 1);
  constexpr std::int64_t kTableEnd = std::int64_t{17} << kFractionBits;
  constexpr std::int64_t kStep = 1 << (kFractionBits - 5);
  std::vector<std::int64_t> x;
  for (std::int64_t value = -kEnd; value < kEnd; value += 61) x.push_back(value);
  for (std::int64_t value = -kTableEnd; value < kTableEnd; value += 7) x.push_back(value);
  for (std::int64_t border = -kTableEnd; border <= kTableEnd; border += kStep) {
    for (int i = -2; i <= 2; ++i) x.push_back(border + i);
  }
  x.push_back(kEnd - 1);
  x.resize((x.size() + 15) / 16 * 16);
  Vsilu_unit_16 unit;
  RandomNumbers random(3);
  reset(unit);
  run_stream(unit, silu_work(unit, 16, x), {0, 0}, random);
}

}  // namespace
}  // namespace lightmamba::accel

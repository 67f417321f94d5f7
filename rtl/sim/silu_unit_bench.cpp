#include <cstdint>
#include <gtest/gtest.h>
#include <vector>

#include "Vsilu_unit_1.h"
#include "Vsilu_unit_16.h"
#include "Vsilu_unit_3.h"
#include "Vsilu_unit_4.h"
#include "accel/numerics/functions.h"
#include "ports.h"
#include "streams.h"

namespace lightmamba::accel {
namespace {

template <typename Unit>
StreamWork silu_work(Unit& unit, std::size_t lanes, const std::vector<std::int64_t>& x) {
  std::vector<Beat> expected(x.size() / lanes);
  for (std::size_t i = 0; i < x.size(); ++i) expected[i / lanes].push_back(silu(x[i]));
  const auto send = [&unit, &x, lanes](std::size_t beat) {
    set_lanes(unit.in_values_i, &x[beat * lanes], lanes, kActivationBits);
  };
  const auto read = [&unit, lanes] { return lanes_of(unit.out_values_o, lanes, kActivationBits); };
  return {.clock = clock_of(unit),
          .in = {{unit.in_valid_i, unit.in_ready_o, expected.size(), send}},
          .out = {{unit.out_valid_o, unit.out_ready_i, read, expected}}};
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
  constexpr std::int64_t kBeats = 3000;
  const std::vector<std::int64_t> x = random_values(kBeats * lanes);
  exercise(silu_work(unit, lanes, x), kBeats + 6);
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
  run_streams(silu_work(unit, 16, x), {}, random);
}

}  // namespace
}  // namespace lightmamba::accel

#include <cstdint>
#include <gtest/gtest.h>
#include <span>
#include <vector>

#include "Vinverse_root_unit.h"
#include "Vsum_of_squares_16_32_12.h"
#include "Vsum_of_squares_1_26_0.h"
#include "Vsum_of_squares_1_32_12.h"
#include "Vsum_of_squares_2_32_12.h"
#include "Vsum_of_squares_4_26_0.h"
#include "accel/numerics/functions.h"
#include "accel/numerics/norm_unit.h"
#include "ports.h"
#include "streams.h"

namespace lightmamba::accel {
namespace {

StreamWork root_work(Vinverse_root_unit& unit, const std::vector<std::uint64_t>& sums) {
  std::vector<Beat> expected;
  for (const std::uint64_t sum : sums) {
    const Scaled root = inverse_root(sum);
    expected.push_back({root.mantissa, root.exponent});
  }
  const auto send = [&](std::size_t i) { unit.in_sum_i = sums[i]; };
  const auto read = [&] { return Beat{unit.out_mantissa_o, sign_extend(unit.out_exponent_o, 8)}; };
  return {.clock = clock_of(unit),
          .in = {{unit.in_valid_i, unit.in_ready_o, sums.size(), send}},
          .out = {{unit.out_valid_o, unit.out_ready_i, read, expected}}};
}

std::vector<std::uint64_t> random_sums(std::size_t count) {
  RandomNumbers random(7);
  std::vector<std::uint64_t> sums = {0, ~std::uint64_t{0}};
  for (int i = 0; i < 64; ++i) {
    const std::uint64_t power = std::uint64_t{1} << i;
    for (const std::uint64_t sum : {power - 1, power, power + 1, 3 * power / 2}) {
      sums.push_back(sum);
    }
  }
  while (sums.size() < count) {
    sums.push_back(static_cast<std::uint64_t>(random.number(64)) >> random.below(2));
  }
  return sums;
}

TEST(InverseRootRtl, EqualsGoldenWithStalls) {
  Vinverse_root_unit unit;
  const std::vector<std::uint64_t> sums = random_sums(5000);
  exercise(root_work(unit, sums), std::ssize(sums) + 6);
}

TEST(InverseRootRtl, EqualsGoldenInAllOfAnOctave) {
  Vinverse_root_unit unit;
  RandomNumbers random(8);
  std::vector<std::uint64_t> sums;
  for (std::uint64_t sum = 1U << 22; sum < 1U << 24; sum += 11) sums.push_back(sum);
  reset(unit);
  run_streams(root_work(unit, sums), {}, random);
}

struct SquaresBeat {
  std::vector<std::int64_t> values;
  bool is_last;
};

// Vectors of 1 ... 40 beats and what is expected of them.
struct Squares {
  std::vector<SquaresBeat> beats;
  std::vector<Beat> sums;
};

Squares random_squares(std::size_t lanes, int in_bits, int shift, std::uint64_t epsilon) {
  RandomNumbers random(lanes);
  Squares result;
  for (int vector = 0; vector < 150; ++vector) {
    const std::size_t beats = vector % 3 == 0 ? 1 : 1 + random.below(40);
    const int bits = vector % 7 == 0 ? 2 : in_bits;
    std::vector<std::int64_t> all;
    for (std::size_t i = 0; i < beats; ++i) {
      SquaresBeat beat = {{}, i + 1 == beats};
      for (std::size_t lane = 0; lane < lanes; ++lane) {
        const std::int64_t lowest = -(std::int64_t{1} << (in_bits - 1));
        beat.values.push_back(vector % 10 == 5 ? lowest : random.number(bits));
        all.push_back(beat.values.back());
      }
      result.beats.push_back(beat);
    }
    const std::uint64_t sum = sum_of_squares(all, shift) + epsilon;
    result.sums.push_back({static_cast<std::int64_t>(sum)});
  }
  return result;
}

template <typename Unit>
void check_squares(std::size_t lanes, int in_bits, int shift, std::uint64_t epsilon) {
  Unit unit;
  const Squares squares = random_squares(lanes, in_bits, shift, epsilon);
  unit.epsilon_i = epsilon;
  const auto send = [&](std::size_t i) {
    set_lanes(unit.in_values_i, squares.beats[i].values.data(), lanes, in_bits);
    unit.in_last_i = squares.beats[i].is_last;
  };
  const auto read = [&] { return Beat{static_cast<std::int64_t>(unit.out_sum_o)}; };
  exercise({.clock = clock_of(unit),
            .in = {{unit.in_valid_i, unit.in_ready_o, squares.beats.size(), send}},
            .out = {{unit.out_valid_o, unit.out_ready_i, read, squares.sums}}},
           std::ssize(squares.beats) + 5);
}

TEST(SumOfSquaresRtl, EqualsGoldenOfOneLaneOf26Bits) {
  check_squares<Vsum_of_squares_1_26_0>(1, 26, 0, 1);
}
TEST(SumOfSquaresRtl, EqualsGoldenOfOneLaneOf32Bits) {
  check_squares<Vsum_of_squares_1_32_12>(1, 32, 12, 0x9876543210ULL);
}
TEST(SumOfSquaresRtl, EqualsGoldenOf26Bits) {
  check_squares<Vsum_of_squares_4_26_0>(4, 26, 0, 0x123456789abcULL);
}
TEST(SumOfSquaresRtl, EqualsGoldenOf32Bits) {
  check_squares<Vsum_of_squares_16_32_12>(16, 32, 12, 77);
}
TEST(SumOfSquaresRtl, EqualsGoldenOfTwoLanes) {
  check_squares<Vsum_of_squares_2_32_12>(2, 32, 12, 0);
}

}  // namespace
}  // namespace lightmamba::accel

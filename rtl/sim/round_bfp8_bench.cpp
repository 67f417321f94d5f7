#include <array>
#include <cstdint>
#include <gtest/gtest.h>
#include <vector>

#include "Vround_bfp8_16_42.h"
#include "Vround_bfp8_1_26.h"
#include "Vround_bfp8_1_32.h"
#include "Vround_bfp8_4_32.h"
#include "Vround_bfp8_4_42.h"
#include "accel/numerics/bfp8.h"
#include "blocks.h"

namespace lightmamba::accel {
namespace {

struct ValuesBlock {
  std::vector<std::int64_t> values;
  int exponent;
};

template <typename Unit>
void check_blocks(std::size_t lanes, int bits) {
  Unit unit;
  constexpr std::size_t kBlocks = 2000;
  RandomNumbers random(kBlocks + static_cast<std::size_t>(bits));
  std::vector<ValuesBlock> blocks(kBlocks);
  std::vector<Beat> expected;
  for (ValuesBlock& block : blocks) {
    block = {random_block(random, bits), static_cast<int>(random.below(200)) - 120};
    std::array<std::int8_t, kBlock> codes;
    const int exponent = round_bfp8(block.values, block.exponent, codes);
    append_beats(codes, exponent, lanes, expected);
  }
  const std::size_t beats = kBlock / lanes;
  const auto send = [&](std::size_t i) {
    const ValuesBlock& block = blocks[i / beats];
    const std::size_t beat = i % beats;
    set_lanes(unit.in_values_i, &block.values[beat * lanes], lanes, bits);
    // It has no meaning before the last beat.
    const int exponent = beat + 1 == beats ? block.exponent : static_cast<int>(i);
    unit.in_exponent_i = static_cast<std::uint8_t>(low_bits(exponent, 8));
  };
  exercise_rounding(unit, lanes, send, expected, 1, 9);
}

TEST(RoundBfp8Rtl, EqualsGoldenOf4Lanes42Bits) { check_blocks<Vround_bfp8_4_42>(4, 42); }
TEST(RoundBfp8Rtl, EqualsGoldenOf16Lanes42Bits) { check_blocks<Vround_bfp8_16_42>(16, 42); }
TEST(RoundBfp8Rtl, EqualsGoldenOf4Lanes32Bits) { check_blocks<Vround_bfp8_4_32>(4, 32); }
TEST(RoundBfp8Rtl, EqualsGoldenOf1Lane26Bits) { check_blocks<Vround_bfp8_1_26>(1, 26); }
TEST(RoundBfp8Rtl, EqualsGoldenOf1Lane32Bits) { check_blocks<Vround_bfp8_1_32>(1, 32); }

}  // namespace
}  // namespace lightmamba::accel

#include <array>
#include <bit>
#include <cstdint>
#include <gtest/gtest.h>
#include <vector>

#include "Vround_bfp8_16_42.h"
#include "Vround_bfp8_1_26.h"
#include "Vround_bfp8_1_32.h"
#include "Vround_bfp8_4_32.h"
#include "Vround_bfp8_4_42.h"
#include "accel/numerics/bfp8.h"
#include "ports.h"
#include "random_blocks.h"
#include "stream.h"

namespace lightmamba::accel {
namespace {

struct RoundedBlock {
  std::vector<std::int64_t> values;
  int exponent;
  std::array<std::int8_t, kBlock> codes;
  int codes_exponent;
};

std::vector<RoundedBlock> random_rounded(std::size_t count, int bits) {
  RandomNumbers random(count + static_cast<std::size_t>(bits));
  std::vector<RoundedBlock> blocks(count);
  for (RoundedBlock& block : blocks) {
    block.values = random_block(random, bits);
    block.exponent = static_cast<int>(random.below(200)) - 120;
    block.codes_exponent = round_bfp8(block.values, block.exponent, block.codes);
  }
  return blocks;
}

template <typename Unit>
void check_blocks(std::size_t lanes, int bits) {
  Unit unit;
  const std::vector<RoundedBlock> blocks = random_rounded(2000, bits);
  const std::size_t beats = kBlock / lanes;
  const Work work = {
      .beats_in = blocks.size() * beats,
      .beats_out = blocks.size() * beats,
      .send =
          [&](std::size_t i) {
            const RoundedBlock& block = blocks[i / beats];
            const std::size_t beat = i % beats;
            for (std::size_t lane = 0; lane < lanes; ++lane) {
              set_lane(unit.in_values_i, lane, bits, block.values[beat * lanes + lane]);
            }
            // It has no meaning before the last beat.
            const int exponent = beat + 1 == beats ? block.exponent : static_cast<int>(i);
            unit.in_exponent_i = static_cast<std::uint8_t>(low_bits(exponent, 8));
          },
      .check =
          [&](std::size_t i) {
            const RoundedBlock& block = blocks[i / beats];
            for (std::size_t lane = 0; lane < lanes; ++lane) {
              ASSERT_EQ(get_lane(unit.out_codes_o, lane, 8), block.codes[i % beats * lanes + lane])
                  << "beat " << i;
            }
            ASSERT_EQ(sign_extend(unit.out_exponent_o, 8), block.codes_exponent) << "beat " << i;
          }};
  // A block must be complete before it is rounded.
  const std::size_t levels = static_cast<std::size_t>(std::bit_width(lanes)) - 1;
  exercise(unit, work, beats - 1 + levels + 9);
}

TEST(RoundBfp8Rtl, EqualsGoldenOf4Lanes42Bits) { check_blocks<Vround_bfp8_4_42>(4, 42); }
TEST(RoundBfp8Rtl, EqualsGoldenOf16Lanes42Bits) { check_blocks<Vround_bfp8_16_42>(16, 42); }
TEST(RoundBfp8Rtl, EqualsGoldenOf4Lanes32Bits) { check_blocks<Vround_bfp8_4_32>(4, 32); }
TEST(RoundBfp8Rtl, EqualsGoldenOf1Lane26Bits) { check_blocks<Vround_bfp8_1_26>(1, 26); }
TEST(RoundBfp8Rtl, EqualsGoldenOf1Lane32Bits) { check_blocks<Vround_bfp8_1_32>(1, 32); }

}  // namespace
}  // namespace lightmamba::accel

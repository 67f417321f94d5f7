#include <algorithm>
#include <array>
#include <bit>
#include <cstdint>
#include <gtest/gtest.h>
#include <vector>

#include "Vsums_to_bfp8_1.h"
#include "Vsums_to_bfp8_16.h"
#include "Vsums_to_bfp8_4.h"
#include "Vsums_to_fixed_16_26.h"
#include "Vsums_to_fixed_1_32.h"
#include "Vsums_to_fixed_4_18.h"
#include "Vsums_to_fixed_4_26.h"
#include "Vsums_to_fixed_4_32.h"
#include "accel/numerics/bfp8.h"
#include "accel/numerics/fixed_point.h"
#include "accel/numerics/functions.h"
#include "ports.h"
#include "random_blocks.h"
#include "stream.h"

namespace lightmamba::accel {
namespace {

constexpr int kSumBits = 48;
constexpr int kKeptBits = 24;  // bits of a magnitude

// As golden_model.cpp, which keeps it to itself.
int shift_of(std::int64_t largest) { return std::max(0, bit_length(largest) - kKeptBits); }

Scaled scaled_by_root(std::int64_t sum, int shift, int exponent, std::int64_t mantissa) {
  return {rescale(sum, shift, kKeptBits + 1) * mantissa, exponent + shift};
}

std::int64_t random_root(RandomNumbers& random) {
  switch (random.below(10)) {
    case 0:
      return 0;
    case 1:
      return 1 << 16;
    default:
      return static_cast<std::int64_t>((1U << 15) + random.below((1U << 15) + 1));
  }
}

struct SumsBlock {
  std::vector<std::int64_t> sums;
  std::int64_t mantissa;
  int exponent;
  std::array<std::int8_t, kBlock> codes;
  int codes_exponent;
};

void round_sums(SumsBlock& block) {
  std::int64_t largest = 0;
  for (const std::int64_t sum : block.sums) largest = std::max(largest, sum < 0 ? -sum : sum);
  const int shift = shift_of(largest);
  std::vector<std::int64_t> values;
  for (const std::int64_t sum : block.sums) {
    values.push_back(scaled_by_root(sum, shift, block.exponent, block.mantissa).mantissa);
  }
  block.codes_exponent = round_bfp8(values, block.exponent + shift, block.codes);
}

std::vector<SumsBlock> random_sums_blocks(std::size_t count) {
  RandomNumbers random(count);
  std::vector<SumsBlock> blocks(count);
  for (SumsBlock& block : blocks) {
    block.sums = random_block(random, kSumBits);
    if (random.chance(10)) {  // rounded up to a power of two
      block.sums[5] =
          ((std::int64_t{1} << (25 + random.below(22))) - 1) * (random.chance(50) ? 1 : -1);
    }
    block.mantissa = random_root(random);
    block.exponent = static_cast<int>(random.below(180)) - 120;
    round_sums(block);
  }
  return blocks;
}

template <typename Unit>
void check_sums(std::size_t lanes) {
  Unit unit;
  const std::vector<SumsBlock> blocks = random_sums_blocks(2000);
  const std::size_t beats = kBlock / lanes;
  const Work work = {
      .beats_in = blocks.size() * beats,
      .beats_out = blocks.size() * beats,
      .send =
          [&](std::size_t i) {
            const SumsBlock& block = blocks[i / beats];
            const std::size_t beat = i % beats;
            for (std::size_t lane = 0; lane < lanes; ++lane) {
              set_lane(unit.in_sums_i, lane, kSumBits, block.sums[beat * lanes + lane]);
            }
            // It has no meaning before the last beat.
            const bool is_last = beat + 1 == beats;
            unit.in_mantissa_i = static_cast<std::uint32_t>(is_last ? block.mantissa : 12345);
            unit.in_exponent_i =
                static_cast<std::uint8_t>(low_bits(is_last ? block.exponent : 3, 8));
          },
      .check =
          [&](std::size_t i) {
            const SumsBlock& block = blocks[i / beats];
            for (std::size_t lane = 0; lane < lanes; ++lane) {
              ASSERT_EQ(get_lane(unit.out_codes_o, lane, 8), block.codes[i % beats * lanes + lane])
                  << "beat " << i;
            }
            ASSERT_EQ(sign_extend(unit.out_exponent_o, 8), block.codes_exponent) << "beat " << i;
          }};
  // Two passes over a block, each after its last beat.
  const std::size_t levels = static_cast<std::size_t>(std::bit_width(lanes)) - 1;
  exercise(unit, work, 2 * (beats - 1) + 2 * levels + 19);
}

TEST(SumsToBfp8Rtl, EqualsGoldenOf1Lane) { check_sums<Vsums_to_bfp8_1>(1); }
TEST(SumsToBfp8Rtl, EqualsGoldenOf4Lanes) { check_sums<Vsums_to_bfp8_4>(4); }
TEST(SumsToBfp8Rtl, EqualsGoldenOf16Lanes) { check_sums<Vsums_to_bfp8_16>(16); }

struct SumsBeat {
  std::vector<std::int64_t> sums;
  std::int64_t mantissa;
  int exponent;
  int fraction_bits;
};

// Makes beats with exponents for which results have all magnitudes, and with any exponents.
std::vector<SumsBeat> random_sums_beats(std::size_t count, std::size_t lanes) {
  RandomNumbers random(count + lanes);
  std::vector<SumsBeat> beats(count);
  for (SumsBeat& beat : beats) {
    for (std::size_t lane = 0; lane < lanes; ++lane) beat.sums.push_back(random.number(kSumBits));
    if (random.chance(10)) beat.sums[0] = (std::int64_t{1} << (25 + random.below(22))) - 1;
    beat.mantissa = random_root(random);
    beat.fraction_bits = static_cast<int>(random.chance(20) ? random.number(8) : 12);
    beat.exponent = static_cast<int>(
        random.chance(20) ? random.number(8) : -12 - static_cast<std::int64_t>(random.below(60)));
  }
  return beats;
}

template <typename Unit>
void check_single(std::size_t lanes, int bits) {
  Unit unit;
  const std::vector<SumsBeat> beats = random_sums_beats(10'000, lanes);
  const Work work = {
      .beats_in = beats.size(),
      .beats_out = beats.size(),
      .send =
          [&](std::size_t i) {
            const SumsBeat& beat = beats[i];
            for (std::size_t lane = 0; lane < lanes; ++lane) {
              set_lane(unit.in_sums_i, lane, kSumBits, beat.sums[lane]);
            }
            unit.in_mantissa_i = static_cast<std::uint32_t>(beat.mantissa);
            unit.in_exponent_i = static_cast<std::uint8_t>(low_bits(beat.exponent, 8));
            unit.in_fraction_bits_i = static_cast<std::uint8_t>(low_bits(beat.fraction_bits, 8));
          },
      .check =
          [&](std::size_t i) {
            const SumsBeat& beat = beats[i];
            for (std::size_t lane = 0; lane < lanes; ++lane) {
              const std::int64_t sum = beat.sums[lane];
              const Scaled value = scaled_by_root(sum, shift_of(sum), beat.exponent, beat.mantissa);
              ASSERT_EQ(get_lane(unit.out_values_o, lane, bits),
                        rescale(value.mantissa, -(value.exponent + beat.fraction_bits), bits))
                  << sum << " * " << beat.mantissa << " 2^" << beat.exponent;
            }
          }};
  exercise(unit, work, 6);
}

TEST(SumsToFixedRtl, EqualsGoldenOf1Lane) { check_single<Vsums_to_fixed_1_32>(1, 32); }
TEST(SumsToFixedRtl, EqualsGoldenOf18Bits) { check_single<Vsums_to_fixed_4_18>(4, 18); }
TEST(SumsToFixedRtl, EqualsGoldenOf26Bits) { check_single<Vsums_to_fixed_4_26>(4, 26); }
TEST(SumsToFixedRtl, EqualsGoldenOf32Bits) { check_single<Vsums_to_fixed_4_32>(4, 32); }
TEST(SumsToFixedRtl, EqualsGoldenOf16Lanes) { check_single<Vsums_to_fixed_16_26>(16, 26); }

}  // namespace
}  // namespace lightmamba::accel

#include <array>
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
#include "accel/numerics/functions.h"
#include "accel/numerics/sum_units.h"
#include "blocks.h"

namespace lightmamba::accel {
namespace {

constexpr int kSumBits = 48;
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
  Scaled scale;
};

SumsBlock random_sums_block(RandomNumbers& random) {
  SumsBlock block = {random_block(random, kSumBits), {}};
  if (random.chance(10)) {  // rounded up to a power of two
    block.sums[5] =
        ((std::int64_t{1} << (25 + random.below(22))) - 1) * (random.chance(50) ? 1 : -1);
  }
  block.scale = {random_root(random), static_cast<int>(random.below(180)) - 120};
  return block;
}

template <typename Unit>
void check_sums(std::size_t lanes) {
  Unit unit;
  constexpr std::size_t kBlocks = 2000;
  RandomNumbers random(kBlocks);
  std::vector<SumsBlock> blocks;
  std::vector<Beat> expected;
  for (std::size_t i = 0; i < kBlocks; ++i) {
    blocks.push_back(random_sums_block(random));
    std::array<std::int8_t, kBlock> codes;
    const int exponent = sums_to_bfp8(blocks[i].sums, blocks[i].scale, codes);
    append_beats(codes, exponent, lanes, expected);
  }
  const std::size_t beats = kBlock / lanes;
  const auto send = [&](std::size_t i) {
    const SumsBlock& block = blocks[i / beats];
    const std::size_t beat = i % beats;
    set_lanes(unit.in_sums_i, &block.sums[beat * lanes], lanes, kSumBits);
    // It has no meaning before the last beat.
    const Scaled scale = beat + 1 == beats ? block.scale : Scaled{12345, 3};
    unit.in_mantissa_i = static_cast<std::uint32_t>(scale.mantissa);
    unit.in_exponent_i = static_cast<std::uint8_t>(low_bits(scale.exponent, 8));
  };
  exercise_rounding(unit, lanes, send, expected, 2, 19);
}

TEST(SumsToBfp8Rtl, EqualsGoldenOf1Lane) { check_sums<Vsums_to_bfp8_1>(1); }
TEST(SumsToBfp8Rtl, EqualsGoldenOf4Lanes) { check_sums<Vsums_to_bfp8_4>(4); }
TEST(SumsToBfp8Rtl, EqualsGoldenOf16Lanes) { check_sums<Vsums_to_bfp8_16>(16); }

struct SumsBeat {
  std::vector<std::int64_t> sums;
  Scaled scale;
  int fraction_bits;
};

// Makes beats with exponents for which results have all magnitudes, and with any exponents.
std::vector<SumsBeat> random_sums_beats(std::size_t count, std::size_t lanes) {
  RandomNumbers random(count + lanes);
  std::vector<SumsBeat> beats(count);
  for (SumsBeat& beat : beats) {
    for (std::size_t lane = 0; lane < lanes; ++lane) beat.sums.push_back(random.number(kSumBits));
    if (random.chance(10)) beat.sums[0] = (std::int64_t{1} << (25 + random.below(22))) - 1;
    beat.scale.mantissa = random_root(random);
    beat.fraction_bits = static_cast<int>(random.chance(20) ? random.number(8) : 12);
    beat.scale.exponent = static_cast<int>(
        random.chance(20) ? random.number(8) : -12 - static_cast<std::int64_t>(random.below(60)));
  }
  return beats;
}

template <typename Unit>
void check_single(std::size_t lanes, int bits) {
  Unit unit;
  const std::vector<SumsBeat> beats = random_sums_beats(10'000, lanes);
  std::vector<Beat> expected;
  for (const SumsBeat& beat : beats) {
    expected.emplace_back();
    for (const std::int64_t sum : beat.sums) {
      expected.back().push_back(sum_to_fixed(sum, beat.scale, beat.fraction_bits, bits));
    }
  }
  const auto send = [&](std::size_t i) {
    const SumsBeat& beat = beats[i];
    set_lanes(unit.in_sums_i, beat.sums.data(), lanes, kSumBits);
    unit.in_mantissa_i = static_cast<std::uint32_t>(beat.scale.mantissa);
    unit.in_exponent_i = static_cast<std::uint8_t>(low_bits(beat.scale.exponent, 8));
    unit.in_fraction_bits_i = static_cast<std::uint8_t>(low_bits(beat.fraction_bits, 8));
  };
  const auto read = [&] { return lanes_of(unit.out_values_o, lanes, bits); };
  exercise({.clock = clock_of(unit),
            .in = {{unit.in_valid_i, unit.in_ready_o, beats.size(), send}},
            .out = {{unit.out_valid_o, unit.out_ready_i, read, expected}}},
           std::ssize(beats) + 6);
}

TEST(SumsToFixedRtl, EqualsGoldenOf1Lane) { check_single<Vsums_to_fixed_1_32>(1, 32); }
TEST(SumsToFixedRtl, EqualsGoldenOf18Bits) { check_single<Vsums_to_fixed_4_18>(4, 18); }
TEST(SumsToFixedRtl, EqualsGoldenOf26Bits) { check_single<Vsums_to_fixed_4_26>(4, 26); }
TEST(SumsToFixedRtl, EqualsGoldenOf32Bits) { check_single<Vsums_to_fixed_4_32>(4, 32); }
TEST(SumsToFixedRtl, EqualsGoldenOf16Lanes) { check_single<Vsums_to_fixed_16_26>(16, 26); }

}  // namespace
}  // namespace lightmamba::accel

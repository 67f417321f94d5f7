#include <array>
#include <cstdint>
#include <gtest/gtest.h>
#include <vector>

#include "Vconv_path.h"
#include "accel/numerics/bfp8.h"
#include "accel/numerics/conv_unit.h"
#include "accel/numerics/fixed_point.h"
#include "accel/numerics/functions.h"
#include "blocks.h"
#include "ports.h"
#include "streams.h"

namespace lightmamba::accel {
namespace {

constexpr std::size_t kTaps = 4;
constexpr std::size_t kBlocks = 60;
constexpr std::size_t kChannels = kBlocks * kBlock;

// A block of channels, as conv_silu() takes them.
struct ConvBlock {
  std::array<std::array<std::int8_t, kBlock>, kTaps> codes;  // the oldest first
  std::array<int, kTaps> exponents;
  std::array<std::int8_t, kBlock * kTaps> weights;
  std::array<std::int8_t, kBlock> weight_exponents;
  std::array<std::int32_t, kBlock> biases;
  std::array<std::int8_t, kBlock> out_codes;
  int out_exponent;
};

ConvBlock random_conv_block(RandomNumbers& random) {
  ConvBlock block;
  const bool is_usual = random.chance(70);
  for (std::size_t tap = 0; tap < kTaps; ++tap) {
    const bool is_zero = random.chance(10);
    for (std::int8_t& code : block.codes[tap]) {
      code = static_cast<std::int8_t>(is_zero ? 0 : random.number(8));
    }
    block.exponents[tap] = static_cast<int>(is_zero    ? kZeroExponent
                                            : is_usual ? -8 + random.number(4)
                                                       : random.number(8));
  }
  for (std::int8_t& weight : block.weights) weight = static_cast<std::int8_t>(random.number(8));
  for (std::int8_t& exponent : block.weight_exponents) {
    exponent = static_cast<std::int8_t>(is_usual ? -8 + random.number(4) : random.number(8));
  }
  // Small biases, so that blocks of all magnitudes occur.
  const int bias_bits = 1 + static_cast<int>(random.below(kActivationBits));
  const bool has_biases = random.chance(80);
  for (std::int32_t& bias : block.biases) {
    bias = static_cast<std::int32_t>(has_biases ? random.number(bias_bits) : 0);
  }
  if (random.chance(10)) block.weights = {};
  std::array<ConvTap, kTaps> taps;
  for (std::size_t tap = 0; tap < kTaps; ++tap) {
    taps[tap] = {block.codes[tap], block.exponents[tap]};
  }
  std::array<std::int64_t, kBlock> values;
  conv_silu({block.weights, block.weight_exponents, block.biases}, taps, values);
  block.out_exponent = round_bfp8(values, -kFractionBits, block.out_codes);
  return block;
}

// The three taps from `first` on as memory has them.
std::int64_t conv_state_of(const ConvBlock& block, std::size_t channel, std::size_t first) {
  std::uint64_t window = 0;
  for (std::size_t i = 0; i < kTaps - 1; ++i) {
    const int low = 8 * static_cast<int>(i);
    set_field(window, low, 8, block.codes[first + i][channel]);
    set_field(window, 24 + low, 8, block.exponents[first + i]);
  }
  return static_cast<std::int64_t>(window);
}

TEST(ConvPathRtl, EqualsGolden) {
  Vconv_path unit;
  RandomNumbers random(1);
  std::vector<ConvBlock> blocks;
  std::vector<Beat> conv_states, codes;
  for (std::size_t b = 0; b < kBlocks; ++b) {
    blocks.push_back(random_conv_block(random));
    for (std::size_t c = 0; c < kBlock; ++c) {
      conv_states.push_back({conv_state_of(blocks[b], c, 1)});
      codes.push_back({blocks[b].out_codes[c], blocks[b].out_exponent});
    }
  }
  const auto send_code = [&](std::size_t i) {
    const ConvBlock& block = blocks[i / kBlock];
    set_lane(unit.in_code_i, 0, 8, block.codes[kTaps - 1][i % kBlock]);
    set_lane(unit.in_exponent_i, 0, 8, block.exponents[kTaps - 1]);
  };
  const auto send_record = [&](std::size_t i) {
    const ConvBlock& block = blocks[i / kBlock];
    // What has no meaning, too.
    for (std::size_t word = 0; word < 4; ++word)
      set_lane(unit.record_i, word, 32, random.number(32));
    for (std::size_t tap = 0; tap < kTaps; ++tap) {
      set_lane(unit.record_i, tap, 8, block.weights[i % kBlock * kTaps + tap]);
    }
    set_field(unit.record_i, 32, 8, block.weight_exponents[i % kBlock]);
    set_field(unit.record_i, 64, 32, block.biases[i % kBlock]);
  };
  const auto send_conv_state = [&](std::size_t i) {
    unit.conv_state_i =
        static_cast<std::uint64_t>(conv_state_of(blocks[i / kBlock], i % kBlock, 0));
  };
  const auto read_code = [&] {
    return Beat{sign_extend(unit.out_code_o, 8), sign_extend(unit.out_exponent_o, 8)};
  };
  const auto read_conv_state = [&] { return Beat{static_cast<std::int64_t>(unit.conv_state_o)}; };
  const StreamWork work = {
      .clock = clock_of(unit),
      .in = {{unit.in_valid_i, unit.in_ready_o, kChannels, send_code},
             {unit.record_valid_i, unit.record_ready_o, kChannels, send_record},
             {unit.conv_state_valid_i, unit.conv_state_ready_o, kChannels, send_conv_state}},
      .out = {{unit.out_valid_o, unit.out_ready_i, read_code, codes},
              {unit.conv_state_valid_o, unit.conv_state_ready_i, read_conv_state, conv_states}}};
  // Conv and silu; a block must be complete before it is rounded.
  exercise(work, kChannels + 12 + 6 + kBlock - 1 + 9);
}

}  // namespace
}  // namespace lightmamba::accel

#include <array>
#include <cstdint>
#include <deque>
#include <gtest/gtest.h>
#include <vector>

#include "Vconv_unit_1.h"
#include "Vconv_unit_16.h"
#include "Vconv_unit_4.h"
#include "Vrescale_pipeline.h"
#include "accel/numerics/conv_unit.h"
#include "accel/numerics/fixed_point.h"
#include "accel/numerics/functions.h"
#include "ports.h"
#include "streams.h"

namespace lightmamba::accel {
namespace {

constexpr std::size_t kTaps = 4;

TEST(RescalePipelineRtl, EqualsGolden) {
  constexpr std::size_t kLatency = 5;
  Vrescale_pipeline unit;
  RandomNumbers random(1);
  std::deque<std::int64_t> expected;
  for (int i = 0; i < 200'000; ++i) {
    const std::int64_t x = random.number(38);
    const std::int64_t shift = random.number(random.chance(50) ? 11 : 8);
    unit.x_i = low_bits(x, 38);
    unit.shift_i = static_cast<std::uint16_t>(low_bits(shift, 11));
    tick(unit);
    expected.push_back(rescale(x, static_cast<int>(shift), 40));
    if (expected.size() < kLatency) continue;
    ASSERT_EQ(sign_extend(unit.y_o, 40), expected.front());
    expected.pop_front();
  }
}

struct ConvBeat {
  explicit ConvBeat(std::size_t lanes)
      : codes(kTaps, std::vector<std::int8_t>(lanes)),
        weights(lanes * kTaps),
        weight_exponents(lanes),
        biases(lanes) {}

  std::vector<std::vector<std::int8_t>> codes;  // [tap][lane]
  std::array<int, kTaps> exponents = {};
  std::vector<std::int8_t> weights;  // [lane][tap]
  std::vector<std::int8_t> weight_exponents;
  std::vector<std::int32_t> biases;
};

// A sum is exactly in the middle, at an end or beyond only if exponents are near those of fixed
// point.
ConvBeat random_beat(RandomNumbers& random, std::size_t lanes) {
  ConvBeat beat(lanes);
  const bool is_usual = random.chance(70);
  for (std::size_t tap = 0; tap < kTaps; ++tap) {
    for (std::int8_t& code : beat.codes[tap]) code = static_cast<std::int8_t>(random.number(8));
    beat.exponents[tap] = static_cast<int>(is_usual ? -8 + random.number(4) : random.number(8));
    if (!random.chance(5)) continue;
    for (std::int8_t& code : beat.codes[tap]) code = 0;
    beat.exponents[tap] = kZeroExponent;
  }
  for (std::int8_t& weight : beat.weights) weight = static_cast<std::int8_t>(random.number(8));
  for (std::int8_t& exponent : beat.weight_exponents) {
    exponent = static_cast<std::int8_t>(is_usual ? -8 + random.number(5) : random.number(8));
  }
  for (std::int32_t& bias : beat.biases) {
    bias = static_cast<std::int32_t>(random.number(kActivationBits));
  }
  return beat;
}

Beat golden(const ConvBeat& beat) {
  std::array<ConvTap, kTaps> taps;
  for (std::size_t tap = 0; tap < kTaps; ++tap) {
    taps[tap] = {beat.codes[tap], beat.exponents[tap]};
  }
  Beat sums(beat.biases.size());
  conv_sums({beat.weights, beat.weight_exponents, beat.biases}, taps, sums);
  return sums;
}

template <typename Unit>
void check_sums(std::size_t lanes) {
  Unit unit;
  constexpr std::int64_t kBeats = 20'000;
  RandomNumbers random(1);
  std::vector<ConvBeat> beats;
  std::vector<Beat> expected;
  for (std::int64_t i = 0; i < kBeats; ++i) {
    beats.push_back(random_beat(random, lanes));
    expected.push_back(golden(beats.back()));
  }
  const auto send = [&](std::size_t i) {
    const ConvBeat& beat = beats[i];
    for (std::size_t lane = 0; lane < lanes; ++lane) {
      set_lane(unit.codes_i, lane, 8, beat.codes[kTaps - 1][lane]);
      set_lane(unit.weight_exponents_i, lane, 8, beat.weight_exponents[lane]);
      set_lane(unit.biases_i, lane, kActivationBits, beat.biases[lane]);
      for (std::size_t tap = 0; tap < kTaps; ++tap) {
        set_lane(unit.weights_i, lane * kTaps + tap, 8, beat.weights[lane * kTaps + tap]);
      }
      for (std::size_t tap = 0; tap < kTaps - 1; ++tap) {
        set_lane(unit.older_codes_i, tap * lanes + lane, 8, beat.codes[tap][lane]);
      }
    }
    set_lane(unit.exponent_i, 0, 8, beat.exponents[kTaps - 1]);
    for (std::size_t tap = 0; tap < kTaps - 1; ++tap) {
      set_lane(unit.older_exponents_i, tap, 8, beat.exponents[tap]);
    }
  };
  const auto read = [&] { return lanes_of(unit.sums_o, lanes, kActivationBits); };
  const StreamWork work = {.clock = clock_of(unit),
                           .in = {{unit.in_valid_i, unit.in_ready_o, beats.size(), send}},
                           .out = {{unit.out_valid_o, unit.out_ready_i, read, expected}}};
  exercise(work, kBeats + 12);
  // With beats inside, of which none has left.
  RandomNumbers stalls(3);
  for (const int cycles : {3, 14, 30}) {
    StreamRun run(work, {0, 100}, stalls);
    run.cycles(cycles);
    run.reset();
    run_streams(work, {20, 20}, stalls);
  }
}

TEST(ConvUnitRtl, EqualsGoldenOf1Lane) { check_sums<Vconv_unit_1>(1); }
TEST(ConvUnitRtl, EqualsGoldenOf4Lanes) { check_sums<Vconv_unit_4>(4); }
TEST(ConvUnitRtl, EqualsGoldenOf16Lanes) { check_sums<Vconv_unit_16>(16); }

}  // namespace
}  // namespace lightmamba::accel

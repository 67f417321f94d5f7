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
    unit.clk_i = 0;
    unit.eval();
    unit.clk_i = 1;
    unit.eval();
    expected.push_back(rescale(x, static_cast<int>(shift), 40));
    if (expected.size() < kLatency) continue;
    ASSERT_EQ(sign_extend(unit.y_o, 40), expected.front());
    expected.pop_front();
  }
}

struct Beat {
  explicit Beat(std::size_t lanes)
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
Beat random_beat(RandomNumbers& random, std::size_t lanes) {
  Beat beat(lanes);
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

// conv_silu() before its silu.
std::vector<std::int64_t> expected_sums(const Beat& beat) {
  std::vector<std::int64_t> sums(beat.biases.begin(), beat.biases.end());
  for (std::size_t lane = 0; lane < sums.size(); ++lane) {
    for (std::size_t tap = 0; tap < kTaps; ++tap) {
      const std::int64_t product =
          std::int64_t{beat.codes[tap][lane]} * beat.weights[lane * kTaps + tap];
      sums[lane] +=
          rescale(product, -(beat.exponents[tap] + beat.weight_exponents[lane] + kFractionBits),
                  kActivationBits);
    }
    sums[lane] = saturate(sums[lane], kActivationBits);
  }
  return sums;
}

std::vector<std::int64_t> golden(const Beat& beat) {
  std::array<ConvTap, kTaps> taps;
  for (std::size_t tap = 0; tap < kTaps; ++tap) {
    taps[tap] = {beat.codes[tap], beat.exponents[tap]};
  }
  std::vector<std::int64_t> out(beat.biases.size());
  conv_silu({beat.weights, beat.weight_exponents, beat.biases}, taps, out);
  return out;
}

template <typename Unit, std::size_t kLanes>
class Driver {
 public:
  explicit Driver(std::uint64_t seed) : random_(seed) { reset(); }

  void reset() {
    unit_.rst_ni = 0;
    unit_.in_valid_i = 0;
    unit_.out_ready_i = 0;
    for (int i = 0; i < 2; ++i) cycle();
    unit_.rst_ni = 1;
    waiting_.clear();
    held_.clear();
  }

  // Cycles until `beats` have left, where the neighbours stall by chance.
  int run(int beats, int in_stalls, int out_stalls) {
    int cycles = 0;
    int left = beats;
    for (int entered = 0; left > 0; ++cycles) {
      if (unit_.in_valid_i == 0 && entered < beats && !random_.chance(in_stalls)) offer();
      unit_.out_ready_i = !random_.chance(out_stalls);
      unit_.eval();
      check_held();
      const bool takes = unit_.in_valid_i != 0 && unit_.in_ready_o != 0;
      if (unit_.out_valid_o != 0 && unit_.out_ready_i != 0) {
        check();
        --left;
      }
      if (testing::Test::HasFatalFailure() || cycles > 100 * beats + 100) break;
      cycle();
      if (!takes) continue;
      ++entered;
      unit_.in_valid_i = 0;
    }
    EXPECT_EQ(left, 0);
    return cycles;
  }

  // Stops with beats inside.
  void start(int beats) {
    unit_.out_ready_i = 0;
    for (int i = 0; i < beats; ++i) {
      offer();
      cycle();
    }
  }

 private:
  void cycle() {
    unit_.clk_i = 0;
    unit_.eval();
    unit_.clk_i = 1;
    unit_.eval();
  }

  void offer() {
    const Beat beat = random_beat(random_, kLanes);
    for (std::size_t lane = 0; lane < kLanes; ++lane) {
      set_lane(unit_.codes_i, lane, 8, beat.codes[kTaps - 1][lane]);
      set_lane(unit_.weight_exponents_i, lane, 8, beat.weight_exponents[lane]);
      set_lane(unit_.biases_i, lane, kActivationBits, beat.biases[lane]);
      for (std::size_t tap = 0; tap < kTaps; ++tap) {
        set_lane(unit_.weights_i, lane * kTaps + tap, 8, beat.weights[lane * kTaps + tap]);
      }
      for (std::size_t tap = 0; tap < kTaps - 1; ++tap) {
        set_lane(unit_.older_codes_i, tap * kLanes + lane, 8, beat.codes[tap][lane]);
      }
    }
    set_lane(unit_.exponent_i, 0, 8, beat.exponents[kTaps - 1]);
    for (std::size_t tap = 0; tap < kTaps - 1; ++tap) {
      set_lane(unit_.older_exponents_i, tap, 8, beat.exponents[tap]);
    }
    unit_.in_valid_i = 1;
    waiting_.push_back(beat);
  }

  std::vector<std::int64_t> sums() const {
    std::vector<std::int64_t> result(kLanes);
    for (std::size_t lane = 0; lane < kLanes; ++lane) {
      result[lane] = get_lane(unit_.sums_o, lane, kActivationBits);
    }
    return result;
  }

  // Outputs that are not taken must stay.
  void check_held() {
    if (!held_.empty()) {
      ASSERT_NE(unit_.out_valid_o, 0);
      ASSERT_EQ(sums(), held_);
    }
    held_.clear();
    if (unit_.out_valid_o != 0 && unit_.out_ready_i == 0) held_ = sums();
  }

  void check() {
    ASSERT_FALSE(waiting_.empty());
    ASSERT_EQ(sums(), expected_sums(waiting_.front()));
    const std::vector<std::int64_t> activations = golden(waiting_.front());
    for (std::size_t lane = 0; lane < kLanes; ++lane) {
      ASSERT_EQ(silu(sums()[lane]), activations[lane]);
    }
    waiting_.pop_front();
  }

  Unit unit_;
  RandomNumbers random_;
  std::deque<Beat> waiting_;
  std::vector<std::int64_t> held_;
};

template <typename Unit, std::size_t kLanes>
struct Parameters {
  using UnitDriver = Driver<Unit, kLanes>;
};

template <typename P>
class ConvUnitRtl : public testing::Test {};

using Units = testing::Types<Parameters<Vconv_unit_1, 1>, Parameters<Vconv_unit_4, 4>,
                             Parameters<Vconv_unit_16, 16>>;
TYPED_TEST_SUITE(ConvUnitRtl, Units);

TYPED_TEST(ConvUnitRtl, EqualsGoldenWhereNeighboursStall) {
  typename TypeParam::UnitDriver driver(1);
  for (const int in_stalls : {0, 20, 70}) {
    for (const int out_stalls : {0, 20, 70}) driver.run(5000, in_stalls, out_stalls);
  }
}

TYPED_TEST(ConvUnitRtl, TakesABeatEachCycle) {
  typename TypeParam::UnitDriver driver(2);
  EXPECT_EQ(driver.run(1000, 0, 0), 1000 + 12);
}

TYPED_TEST(ConvUnitRtl, WorksAfterResetAmidWork) {
  typename TypeParam::UnitDriver driver(3);
  for (const int beats : {3, 14, 30}) {
    driver.start(beats);
    driver.reset();
    driver.run(100, 20, 20);
  }
}

}  // namespace
}  // namespace lightmamba::accel

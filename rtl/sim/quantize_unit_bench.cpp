#include <algorithm>
#include <bit>
#include <gtest/gtest.h>

#include "VQuantize1.h"
#include "VQuantize16.h"
#include "VQuantize4.h"
#include "VQuantizeGroup32.h"
#include "accel/numerics/quantize_unit.h"
#include "ports.h"
#include "random_vectors.h"
#include "streams.h"

namespace lightmamba::accel {
namespace {

constexpr int kMultiplierPortBits = 13;
constexpr int kExponentBits = 8;
// The multipliers' exponent is that of the port less this.
constexpr int kExponentOffset = 19;

struct UnitStalls {
  int in = 0;
  int codes = 0;
  int multipliers = 0;
  bool is_codes_first = false;  // no multiplier is taken before all codes are
};
constexpr UnitStalls kAllStalls[] = {{},         {0, 0, 0, true}, {20, 20, 20}, {70, 0, 0, true},
                                     {0, 70, 0}, {70, 70, 70},    {0, 20, 70},  {20, 70, 0, true},
                                     {20, 0, 20}};

template <typename Unit, int kLaneCount, int kGroupSize>
struct Configuration {
  using Model = Unit;
  static constexpr int kLanes = kLaneCount;
  static constexpr int kGroup = kGroupSize;
};

template <typename C>
class QuantizeUnitRtl : public testing::Test {
 protected:
  static constexpr std::int64_t kBeats = C::kGroup / C::kLanes;

  QuantizeUnitRtl() { reset(unit_); }

  Vector random_vector_of(int groups) {
    return random_vector(random_, groups, C::kGroup, kInputBits);
  }

  void check(const Vector& vector, UnitStalls stalls) {
    const StreamWork work = work_of(vector, stalls);
    StreamRun run(work, {stalls.in}, random_);
    run.finish();
    if (stalls.in == 0 && stalls.codes == 0 && stalls.multipliers == 0) check_throughput(run);
  }

  void abandon(const Vector& vector, std::int64_t cycles) {
    const StreamWork work = work_of(vector, {0, 20, 20});
    StreamRun run(work, {}, random_);
    run.cycles(cycles);
    run.reset();
  }

  RandomNumbers random_{1};

 private:
  void start(const Vector& vector) {
    unit_.groups_i = static_cast<std::uint8_t>(vector.values.size() / C::kGroup);
    unit_.clip_i = static_cast<std::uint16_t>(vector.clip);
    unit_.start_valid_i = 1;
    settle(unit_);
    ASSERT_TRUE(unit_.start_ready_o);
    rise(unit_);
    unit_.start_valid_i = 0;
    // Only the cycle of the start counts.
    unit_.groups_i = 1;
    unit_.clip_i = 1;
  }

  // The next vector is there and must wait.
  StreamWork work_of(const Vector& vector, UnitStalls stalls) {
    QuantizedVector quantized;
    quantize_vector(vector.values, 0, C::kGroup, vector.clip, quantized);
    std::vector<Beat> codes;
    for (auto next = quantized.codes.begin(); next != quantized.codes.end(); next += C::kLanes) {
      codes.emplace_back(next, next + C::kLanes);
      codes.back().push_back(next + C::kLanes == quantized.codes.end());
    }
    std::vector<Beat> multipliers;
    for (const std::int64_t multiplier : quantized.multipliers) {
      multipliers.push_back({multiplier, quantized.exponent + kExponentOffset, 0});
    }
    multipliers.back().back() = 1;
    const auto send = [&](std::size_t i) {
      set_lanes(unit_.value_i, &vector.values[i * C::kLanes], C::kLanes, kInputBits);
    };
    const auto read_codes = [&] {
      Beat beat = lanes_of(unit_.code_o, C::kLanes, kCodeBits);
      beat.push_back(unit_.code_last_o);
      return beat;
    };
    const auto read_multiplier = [&] {
      return Beat{sign_extend(unit_.multiplier_o, kMultiplierPortBits),
                  sign_extend(unit_.exponent_o, kExponentBits), unit_.multiplier_last_o};
    };
    const auto may_take_codes = [this, stalls](const StreamRun&) {
      return !random_.chance(stalls.codes);
    };
    const auto may_take_multiplier = [this, stalls, beats = codes.size()](const StreamRun& run) {
      return (!stalls.is_codes_first || run.out(0).beats == beats) &&
             !random_.chance(stalls.multipliers);
    };
    return {.clock = clock_of(unit_),
            .in = {{.valid = unit_.value_valid_i,
                    .ready = unit_.value_ready_o,
                    .beats = codes.size(),
                    .send = send,
                    .is_followed = true}},
            .out = {{unit_.code_valid_o, unit_.code_ready_i, read_codes, codes, may_take_codes},
                    {unit_.multiplier_valid_o, unit_.multiplier_ready_i, read_multiplier,
                     multipliers, may_take_multiplier}},
            .start = [&] { start(vector); }};
  }

  static void check_throughput(const StreamRun& run) {
    const auto beats = static_cast<std::int64_t>(run.out(0).beats);
    EXPECT_EQ(run.in(0).cycles(), beats);
    EXPECT_EQ(run.out(0).cycles(), beats);
    EXPECT_EQ(run.out(1).cycles(), static_cast<std::int64_t>(run.out(1).beats));
    EXPECT_EQ(run.out(0).first_cycle - run.in(0).first_cycle,
              kBeats + 20 + std::countr_zero(static_cast<unsigned>(C::kLanes)));
  }

  typename C::Model unit_;
};

using Configurations =
    testing::Types<Configuration<VQuantize1, 1, 128>, Configuration<VQuantize4, 4, 128>,
                   Configuration<VQuantize16, 16, 128>, Configuration<VQuantizeGroup32, 4, 32>>;
TYPED_TEST_SUITE(QuantizeUnitRtl, Configurations);

TYPED_TEST(QuantizeUnitRtl, EqualsGoldenOfAnyLength) {
  for (int groups = 1; groups <= 40; ++groups) {
    this->check(this->random_vector_of(groups), kAllStalls[groups % std::size(kAllStalls)]);
  }
}

TYPED_TEST(QuantizeUnitRtl, EqualsGolden) {
  const int vectors = 12 * TypeParam::kLanes + 40;
  for (int i = 0; i < vectors; ++i) {
    for (const UnitStalls stalls : kAllStalls) this->check(this->random_vector_of(3), stalls);
  }
}

TYPED_TEST(QuantizeUnitRtl, TakesABeatInEveryCycle) {
  for (int i = 0; i < 3; ++i) this->check(this->random_vector_of(40), {});
}

TYPED_TEST(QuantizeUnitRtl, OfZerosIsZero) {
  for (const int clip : {0, 1 << kClipFractionBits}) {
    Vector vector = this->random_vector_of(3);
    vector.clip = clip;
    if (clip != 0) std::fill(vector.values.begin(), vector.values.end(), 0);
    this->check(vector, {});
  }
}

TYPED_TEST(QuantizeUnitRtl, WorksAgainAfterReset) {
  for (const std::int64_t cycles : {1, 20, 60, 150, 300}) {
    this->abandon(this->random_vector_of(10), cycles);
    this->check(this->random_vector_of(2), {});
  }
}

}  // namespace
}  // namespace lightmamba::accel

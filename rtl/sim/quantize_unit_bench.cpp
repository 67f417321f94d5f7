#include <algorithm>
#include <bit>
#include <gtest/gtest.h>

#include "VQuantize1.h"
#include "VQuantize16.h"
#include "VQuantize4.h"
#include "VQuantizeGroup32.h"
#include "accel/numerics/quantize_unit.h"
#include "clocked.h"
#include "random_vectors.h"

namespace lightmamba::accel {
namespace {

constexpr int kMultiplierPortBits = 13;
constexpr int kExponentBits = 8;
// The multipliers' exponent is that of the port less this.
constexpr int kExponentOffset = 19;

struct Stalls {
  int in = 0;
  int codes = 0;
  int multipliers = 0;
  bool is_codes_first = false;  // no multiplier is taken before all codes are
};
constexpr Stalls kAllStalls[] = {{},         {0, 0, 0, true}, {20, 20, 20}, {70, 0, 0, true},
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

  void check(const Vector& vector, Stalls stalls) {
    const std::size_t groups = vector.values.size() / C::kGroup;
    start(vector);
    Source source(vector.values.size() / C::kLanes, stalls.in);
    Sink codes(stalls.codes);
    Sink multipliers(stalls.multipliers);
    const auto is_done = [&] {
      return codes.beats().size() == groups * kBeats && multipliers.beats().size() == groups;
    };
    for (const std::int64_t limit = cycle_ + 200'000; !is_done();) {
      ASSERT_LT(cycle_, limit);
      const bool may_multiply = !stalls.is_codes_first || codes.beats().size() == groups * kBeats;
      ASSERT_TRUE(cycle(vector, source, codes, multipliers, may_multiply));
    }
    compare(vector, codes, multipliers);
    if (stalls.in == 0 && stalls.codes == 0 && stalls.multipliers == 0) {
      check_throughput(source, codes, multipliers);
    }
  }

  void abandon(const Vector& vector, std::int64_t cycles) {
    start(vector);
    Source source(vector.values.size() / C::kLanes, 0);
    Sink codes(20);
    Sink multipliers(20);
    for (std::int64_t i = 0; i < cycles; ++i) {
      ASSERT_TRUE(cycle(vector, source, codes, multipliers, true));
    }
    reset(unit_);
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
    ++cycle_;
    unit_.start_valid_i = 0;
    // Only the cycle of the start counts.
    unit_.groups_i = 1;
    unit_.clip_i = 1;
  }

  bool cycle(const Vector& vector, Source& source, Sink& codes, Sink& multipliers,
             bool may_multiply) {
    unit_.value_valid_i = source.offers(random_);
    if (unit_.value_valid_i != 0) {
      set_lanes(unit_.value_i, &vector.values[source.beat() * C::kLanes], C::kLanes, kInputBits);
    }
    // The next vector is there and must wait.
    if (source.is_done()) unit_.value_valid_i = 1;
    unit_.code_ready_i = codes.chooses_ready(random_);
    unit_.multiplier_ready_i = may_multiply && multipliers.chooses_ready(random_);
    settle(unit_);
    if (source.is_done() && unit_.value_ready_o != 0) return false;
    source.clocked(unit_.value_ready_o != 0, cycle_);
    const bool is_stable = take_codes(codes) && (!may_multiply || take_multipliers(multipliers));
    rise(unit_);
    ++cycle_;
    return is_stable;
  }

  bool take_codes(Sink& sink) {
    const bool is_valid = unit_.code_valid_o != 0;
    Sink::Beat beat;
    if (is_valid) {
      beat = lanes_of(unit_.code_o, C::kLanes, kCodeBits);
      beat.push_back(unit_.code_last_o);
    }
    return sink.clocked(is_valid, beat, cycle_);
  }

  bool take_multipliers(Sink& sink) {
    const bool is_valid = unit_.multiplier_valid_o != 0;
    Sink::Beat beat;
    if (is_valid) {
      beat = {sign_extend(unit_.multiplier_o, kMultiplierPortBits),
              sign_extend(unit_.exponent_o, kExponentBits), unit_.multiplier_last_o};
    }
    return sink.clocked(is_valid, beat, cycle_);
  }

  static void compare(const Vector& vector, const Sink& codes, const Sink& multipliers) {
    QuantizedVector expected;
    quantize_vector(vector.values, 0, C::kGroup, vector.clip, expected);
    std::size_t i = 0;
    for (const Sink::Beat& beat : codes.beats()) {
      for (int lane = 0; lane < C::kLanes; ++lane, ++i) {
        ASSERT_EQ(beat[static_cast<std::size_t>(lane)], expected.codes[i])
            << vector.values[i] << " in group " << i / C::kGroup << ", clip " << vector.clip;
      }
      ASSERT_EQ(beat.back() != 0, i == expected.codes.size());
    }
    for (std::size_t g = 0; g < expected.multipliers.size(); ++g) {
      const Sink::Beat& beat = multipliers.beats()[g];
      ASSERT_EQ(beat[0], expected.multipliers[g]) << g;
      ASSERT_EQ(beat[1] - kExponentOffset, expected.exponent) << g;
      ASSERT_EQ(beat[2] != 0, g + 1 == expected.multipliers.size());
    }
  }

  static void check_throughput(const Source& source, const Sink& codes, const Sink& multipliers) {
    const auto beats = static_cast<std::int64_t>(codes.beats().size());
    EXPECT_EQ(source.cycles(), beats);
    EXPECT_EQ(codes.cycles(), beats);
    EXPECT_EQ(multipliers.cycles(), static_cast<std::int64_t>(multipliers.beats().size()));
    EXPECT_EQ(codes.first_cycle() - source.first_cycle(),
              kBeats + 20 + std::countr_zero(static_cast<unsigned>(C::kLanes)));
  }

  typename C::Model unit_;
  std::int64_t cycle_ = 0;
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
    for (const Stalls stalls : kAllStalls) this->check(this->random_vector_of(3), stalls);
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

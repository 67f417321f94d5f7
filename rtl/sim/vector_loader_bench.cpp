#include <cstdint>
#include <gtest/gtest.h>
#include <vector>

#include "Vvector_loader_16_128.h"
#include "Vvector_loader_1_32.h"
#include "Vvector_loader_1_8.h"
#include "accel/numerics/quantize_unit.h"
#include "accel/numerics/residual_unit.h"
#include "ports.h"
#include "random_vectors.h"
#include "streams.h"

namespace lightmamba::accel {
namespace {

constexpr int kGroup = 128;
constexpr int kMultiplierPortBits = 13;
// The vector's exponent is that of the port less this.
constexpr int kExponentOffset = 19;
constexpr int kUnwritten = 99;

// What stands in a bank of the matrix unit.
struct Bank {
  std::vector<std::int64_t> codes;
  std::vector<std::int64_t> multipliers;

  bool operator==(const Bank&) const = default;
};

template <typename Unit, int kLaneCount, int kColumnCount>
struct Configuration {
  using Model = Unit;
  static constexpr int kLanes = kLaneCount;
  static constexpr int kColumns = kColumnCount;
};

template <typename C>
class VectorLoaderRtl : public testing::Test {
 protected:
  VectorLoaderRtl() { restart(); }

  void check(int groups, bool is_rotated, int stalls) {
    const Vector vector = vector_of(groups, is_rotated);
    const StreamWork work = work_of(vector, is_rotated);
    StreamRun run(work, {stalls}, random_);
    run.finish();
    compare(vector);
    if (stalls == 0) {  // a beat per cycle
      EXPECT_EQ(run.in(0).cycles(), static_cast<std::int64_t>(run.in(0).beats));
    }
    // It is done once, and the exponent stays.
    for (std::uint64_t i = random_.below(3); i > 0; --i) {
      run.cycle();
      ASSERT_FALSE(is_done_);
      compare(vector);
    }
  }

  void abandon(bool is_rotated, int cycles) {
    const Vector vector = vector_of(10, is_rotated);
    const StreamWork work = work_of(vector, is_rotated);
    StreamRun run(work, {20}, random_);
    run.cycles(cycles);
    restart();
  }

  RandomNumbers random_{1};

 private:
  void restart() {
    unit_.start_i = 0;
    unit_.residual_valid_i = 0;
    unit_.rotated_valid_i = 0;
    reset(unit_);
  }

  Vector vector_of(int groups, bool is_rotated) {
    return random_vector(random_, groups, kGroup, is_rotated ? kInputBits : kResidualBits);
  }

  StreamWork work_of(const Vector& vector, bool is_rotated) {
    StreamWork work = {.clock = clock_of(unit_),
                       .start = [this, &vector, is_rotated] { start(vector, is_rotated); },
                       .watch = [this](const StreamRun&) { watch(); },
                       .is_done = [this] { return is_done_; }};
    if (is_rotated) {
      work.in.push_back({unit_.rotated_valid_i, unit_.rotated_ready_o,
                         vector.values.size() / C::kLanes, [this, &vector](std::size_t i) {
                           set_lanes(unit_.rotated_i, &vector.values[i * C::kLanes], C::kLanes,
                                     kInputBits);
                         }});
    } else {
      work.in.push_back({unit_.residual_valid_i, unit_.residual_ready_o, vector.values.size(),
                         [this, &vector](std::size_t i) {
                           set_lanes(unit_.residual_i, &vector.values[i], 1, kResidualBits);
                         }});
      // Another vector may wait in the transform.
      work.drive = [this](const StreamRun&) { unit_.rotated_valid_i = random_.chance(50); };
    }
    return work;
  }

  void start(const Vector& vector, bool is_rotated) {
    bank_ = random_.below(2) != 0;
    is_done_ = false;
    written_.codes.assign(vector.values.size(), kUnwritten);
    written_.multipliers.assign(vector.values.size() / kGroup, INT64_MIN);
    unit_.start_i = 1;
    unit_.is_rotated_i = is_rotated;
    unit_.bank_i = bank_;
    unit_.groups_i = static_cast<std::uint8_t>(vector.values.size() / kGroup);
    unit_.clip_i = static_cast<std::uint16_t>(vector.clip);
    unit_.residual_valid_i = 0;
    unit_.rotated_valid_i = 0;
    settle(unit_);
    ASSERT_FALSE(unit_.code_we_o || unit_.multiplier_we_o);
    rise(unit_);
    unit_.start_i = 0;
    // Only the cycle of the start counts.
    unit_.is_rotated_i = !is_rotated;
    unit_.bank_i = !bank_;
    unit_.groups_i = 1;
    unit_.clip_i = 1;
    takes_rotated_ = is_rotated;
  }

  void watch() {
    if (!takes_rotated_) {
      EXPECT_FALSE(unit_.rotated_valid_i && unit_.rotated_ready_o);
    }
    watch_writes();
    is_done_ = unit_.done_o != 0;
    if (is_done_) {
      EXPECT_FALSE(unit_.code_we_o || unit_.multiplier_we_o);
    }
  }

  void watch_writes() {
    if (unit_.code_we_o != 0) {
      ASSERT_EQ(unit_.bank_o != 0, bank_);
      const std::size_t begin = std::size_t{unit_.code_address_o} * C::kColumns;
      ASSERT_LE(begin + C::kColumns, written_.codes.size());
      for (std::size_t k = 0; k < C::kColumns; ++k) {
        ASSERT_EQ(written_.codes[begin + k], kUnwritten);
        written_.codes[begin + k] = get_lane(unit_.codes_o, k, kCodeBits);
      }
    }
    if (unit_.multiplier_we_o != 0) {
      ASSERT_EQ(unit_.bank_o != 0, bank_);
      ASSERT_LT(unit_.multiplier_group_o, written_.multipliers.size());
      std::int64_t& multiplier = written_.multipliers[unit_.multiplier_group_o];
      ASSERT_EQ(multiplier, INT64_MIN);
      multiplier = sign_extend(unit_.multiplier_o, kMultiplierPortBits);
    }
  }

  void compare(const Vector& vector) {
    QuantizedVector expected;
    quantize_vector(vector.values, 0, kGroup, vector.clip, expected);
    ASSERT_EQ(written_.codes,
              std::vector<std::int64_t>(expected.codes.begin(), expected.codes.end()));
    ASSERT_EQ(written_.multipliers,
              std::vector<std::int64_t>(expected.multipliers.begin(), expected.multipliers.end()));
    ASSERT_EQ(sign_extend(unit_.exponent_o, 8) - kExponentOffset, expected.exponent);
  }

  typename C::Model unit_;
  bool bank_ = false;
  bool takes_rotated_ = false;
  bool is_done_ = false;
  Bank written_;
};

using Configurations = testing::Types<Configuration<Vvector_loader_1_8, 1, 8>,
                                      Configuration<Vvector_loader_1_32, 1, 32>,
                                      Configuration<Vvector_loader_16_128, 16, 128>>;
TYPED_TEST_SUITE(VectorLoaderRtl, Configurations);

TYPED_TEST(VectorLoaderRtl, EqualsGoldenOfAnyLength) {
  for (int groups = 1; groups <= 40; ++groups) {
    for (const bool is_rotated : {false, true}) this->check(groups, is_rotated, groups % 3 * 35);
  }
}

TYPED_TEST(VectorLoaderRtl, EqualsGoldenOneAfterTheOther) {
  for (int i = 0; i < 60; ++i) {
    for (const int stalls : {0, 20, 70}) this->check(3, this->random_.chance(50), stalls);
  }
}

TYPED_TEST(VectorLoaderRtl, WorksAgainAfterReset) {
  for (const int cycles : {1, 2, 20, 150, 300, 900}) {
    for (const bool is_rotated : {false, true}) {
      this->abandon(is_rotated, cycles);
      this->check(2, is_rotated, 0);
    }
  }
}

}  // namespace
}  // namespace lightmamba::accel

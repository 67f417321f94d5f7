#include <algorithm>
#include <gtest/gtest.h>

#include "VHtu2.h"
#include "VHtu3.h"
#include "VHtu32.h"
#include "VHtu32By16.h"
#include "VHtuButterfly.h"
#include "accel/numerics/htu.h"
#include "clocked.h"
#ifdef LIGHTMAMBA_NETLISTS
#include "VHtuButterflyNetlist.h"
#endif

namespace lightmamba::accel {
namespace {

constexpr int kInBits = 26;
constexpr int kButterflyBits = 33;
constexpr int kOutBits = 40;
constexpr std::int64_t kMax = (std::int64_t{1} << (kInBits - 1)) - 1;

struct Vector {
  std::int64_t m = 1;
  int log2_n = 7;
  std::vector<std::int8_t> matrix;
  std::vector<std::int64_t> x;

  std::int64_t n() const { return std::int64_t{1} << log2_n; }
  std::vector<std::int64_t> transformed() const {
    std::vector<std::int64_t> y = x;
    hadamard_transform(matrix, m, n(), y);
    return y;
  }
};

Vector random_vector(RandomNumbers& random, std::int64_t m, int log2_n) {
  Vector v{m, log2_n, {}, {}};
  for (std::int64_t i = 0; i < m * m; ++i) v.matrix.push_back(random.chance(50) ? 1 : -1);
  for (std::int64_t i = 0; i < m * v.n(); ++i) v.x.push_back(random.number(kInBits));
  return v;
}

Vector constant_vector(std::int64_t m, int log2_n, int sign, std::int64_t value) {
  const auto of_matrix = static_cast<std::size_t>(m * m);
  Vector v{m, log2_n, std::vector(of_matrix, static_cast<std::int8_t>(sign)), {}};
  v.x.assign(static_cast<std::size_t>(m * v.n()), value);
  return v;
}

struct Stalls {
  int in = 0;
  int out = 0;
};
constexpr Stalls kAllStalls[] = {{0, 0}, {0, 20}, {20, 0}, {20, 70}, {70, 20}, {70, 70}};

// Transforms of one chunk each, one after the other.
template <typename Unit>
class Butterfly {
 public:
  explicit Butterfly(std::uint64_t seed) : random_(seed) { reset(unit_); }

  void check(int log2_n, std::int64_t chunks, Stalls stalls) {
    std::vector<std::int64_t> x;
    std::vector<std::int64_t> expected;
    for (std::int64_t i = 0; i < chunks; ++i) {
      Vector chunk = random_vector(random_, 1, log2_n);
      if (random_.chance(10)) chunk = constant_vector(1, log2_n, 1, random_.number(kInBits));
      chunk.matrix = {1};
      const std::vector<std::int64_t> y = chunk.transformed();
      x.insert(x.end(), chunk.x.begin(), chunk.x.end());
      expected.insert(expected.end(), y.begin(), y.end());
    }
    unit_.log2_n_i = static_cast<std::uint8_t>(log2_n);
    Source source(x.size(), stalls.in);
    Sink sink(stalls.out);
    for (; sink.beats().size() < x.size(); ++cycle_) {
      ASSERT_LT(cycle_, 1'000'000);
      ASSERT_TRUE(cycle(x, source, sink));
    }
    for (std::size_t i = 0; i < x.size(); ++i) ASSERT_EQ(sink.beats()[i][0], expected[i]) << i;
    if (stalls.in != 0 || stalls.out != 0) return;
    EXPECT_EQ(source.cycles(), static_cast<std::int64_t>(x.size()));
    EXPECT_EQ(sink.cycles(), static_cast<std::int64_t>(x.size()));
    EXPECT_EQ(sink.first_cycle() - source.first_cycle(), (std::int64_t{1} << log2_n) + 7);
  }

  void abandon(std::int64_t cycles) {
    const std::vector<std::int64_t> x(static_cast<std::size_t>(cycles), kMax);
    Source source(x.size(), 0);
    Sink sink(50);
    for (std::int64_t i = 0; i < cycles; ++i) ASSERT_TRUE(cycle(x, source, sink));
    reset(unit_);
  }

 private:
  bool cycle(const std::vector<std::int64_t>& x, Source& source, Sink& sink) {
    unit_.x_valid_i = source.offers(random_);
    if (unit_.x_valid_i != 0) set_lanes(unit_.x_i, &x[source.beat()], 1, kInBits);
    unit_.y_ready_i = sink.chooses_ready(random_);
    settle(unit_);
    source.clocked(unit_.x_ready_o != 0, cycle_);
    const bool is_stable =
        sink.clocked(unit_.y_valid_o != 0, lanes_of(unit_.y_o, 1, kButterflyBits), cycle_);
    rise(unit_);
    return is_stable;
  }

  RandomNumbers random_;
  Unit unit_;
  std::int64_t cycle_ = 0;
};

template <typename Unit>
class HtuButterflyRtl : public testing::Test {};

using Butterflies = testing::Types<VHtuButterfly
#ifdef LIGHTMAMBA_NETLISTS
                                   ,
                                   VHtuButterflyNetlist
#endif
                                   >;
TYPED_TEST_SUITE(HtuButterflyRtl, Butterflies);

TYPED_TEST(HtuButterflyRtl, EqualsGoldenOfAllSizes) {
  for (int log2_n = 1; log2_n <= 7; ++log2_n) {
    Butterfly<TypeParam> butterfly(static_cast<std::uint64_t>(log2_n));
    for (const Stalls stalls : kAllStalls) butterfly.check(log2_n, 40, stalls);
  }
}

TYPED_TEST(HtuButterflyRtl, WorksAgainAfterReset) {
  Butterfly<TypeParam> butterfly(8);
  for (const std::int64_t cycles : {1, 50, 130, 200, 300}) {
    butterfly.abandon(cycles);
    butterfly.check(6, 3, {});
    butterfly.check(7, 3, {20, 20});
  }
}

template <typename Unit, int kMix, int kOut>
struct Configuration {
  using Model = Unit;
  static constexpr int kMixLanes = kMix;
  static constexpr int kOutLanes = kOut;
};

template <typename C>
class HtuRtl : public testing::Test {
 protected:
  HtuRtl() { reset(unit_); }

  void check(const Vector& vector, Stalls stalls) {
    write_signs(vector);
    start(vector);
    Source source(vector.x.size(), stalls.in);
    Sink sink(stalls.out);
    const std::size_t beats = vector.x.size() / C::kOutLanes;
    for (const std::int64_t limit = cycle_ + 2'000'000; sink.beats().size() < beats; ++cycle_) {
      ASSERT_LT(cycle_, limit);
      ASSERT_TRUE(cycle(vector, source, sink));
    }
    compare(sink, vector.transformed());
    if (stalls.in == 0 && stalls.out == 0) check_throughput(vector, source, sink);
  }

  void abandon(const Vector& vector, std::int64_t cycles) {
    write_signs(vector);
    start(vector);
    Source source(vector.x.size(), 0);
    Sink sink(0);
    for (std::int64_t i = 0; i < cycles; ++i) ASSERT_TRUE(cycle(vector, source, sink));
    reset(unit_);
  }

  RandomNumbers random_{1};

 private:
  void write_signs(const Vector& vector) {
    for (std::int64_t from = 0; from < vector.m; ++from) {
      std::uint64_t column = 0;
      for (std::int64_t to = 0; to < vector.m; ++to) {
        const bool is_minus = vector.matrix[static_cast<std::size_t>(to * vector.m + from)] < 0;
        column |= std::uint64_t{is_minus} << to;
      }
      unit_.signs_write_i = 1;
      unit_.signs_address_i = static_cast<std::uint8_t>(from);
      unit_.signs_i = column;
      settle(unit_);
      rise(unit_);
    }
    unit_.signs_write_i = 0;
  }

  void start(const Vector& vector) {
    unit_.m_i = static_cast<std::uint8_t>(vector.m);
    unit_.log2_n_i = static_cast<std::uint8_t>(vector.log2_n);
    unit_.start_valid_i = 1;
    settle(unit_);
    ASSERT_TRUE(unit_.start_ready_o);
    rise(unit_);
    unit_.start_valid_i = 0;
    // Only the cycle of the start counts.
    unit_.m_i = 1;
    unit_.log2_n_i = 1;
  }

  bool cycle(const Vector& vector, Source& source, Sink& sink) {
    unit_.x_valid_i = source.offers(random_);
    if (unit_.x_valid_i != 0) set_lanes(unit_.x_i, &vector.x[source.beat()], 1, kInBits);
    // The next vector is there and must wait.
    if (source.is_done()) unit_.x_valid_i = 1;
    unit_.y_ready_i = sink.chooses_ready(random_);
    settle(unit_);
    if (source.is_done() && unit_.x_ready_o != 0) return false;
    source.clocked(unit_.x_ready_o != 0, cycle_);
    const bool is_valid = unit_.y_valid_o != 0;
    Sink::Beat beat;
    if (is_valid) {
      beat = lanes_of(unit_.y_o, C::kOutLanes, kOutBits);
      beat.push_back(unit_.y_last_o);
    }
    const bool is_stable = sink.clocked(is_valid, beat, cycle_);
    rise(unit_);
    return is_stable;
  }

  static void compare(const Sink& sink, const std::vector<std::int64_t>& expected) {
    std::size_t i = 0;
    for (const Sink::Beat& beat : sink.beats()) {
      for (int lane = 0; lane < C::kOutLanes; ++lane, ++i) {
        ASSERT_EQ(beat[static_cast<std::size_t>(lane)], expected[i]) << i;
      }
      ASSERT_EQ(beat.back() != 0, i == expected.size()) << i;
    }
  }

  static void check_throughput(const Vector& vector, const Source& source, const Sink& sink) {
    constexpr std::int64_t kRows = C::kMixLanes / C::kOutLanes;
    const std::int64_t passes = (vector.m + kRows - 1) / kRows;
    const std::int64_t words = vector.m * vector.n() / C::kOutLanes;
    EXPECT_EQ(sink.cycles(), words);
    if (vector.log2_n < 3) return;
    const std::int64_t taken = words * std::max<std::int64_t>(passes, C::kOutLanes);
    constexpr std::int64_t kLatency = 24;
    EXPECT_LE(sink.last_cycle() - source.first_cycle(),
              taken + vector.n() + passes + words + kLatency);
  }

  typename C::Model unit_;
  std::int64_t cycle_ = 0;
};

using Configurations =
    testing::Types<Configuration<VHtu2, 2, 1>, Configuration<VHtu3, 3, 1>,
                   Configuration<VHtu32, 32, 1>, Configuration<VHtu32By16, 32, 16>>;
TYPED_TEST_SUITE(HtuRtl, Configurations);

TYPED_TEST(HtuRtl, EqualsGolden) {
  const std::pair<std::int64_t, int> sizes[] = {{12, 6}, {40, 7}, {4, 7}, {1, 7}, {20, 7}};
  for (const auto& [m, log2_n] : sizes) {
    this->check(random_vector(this->random_, m, log2_n), {});
    this->check(random_vector(this->random_, m, log2_n), {20, 20});
    this->check(random_vector(this->random_, m, log2_n), {70, 70});
  }
}

TYPED_TEST(HtuRtl, EqualsGoldenOfAnySize) {
  for (int log2_n = 1; log2_n <= 7; ++log2_n) {
    if ((1 << log2_n) < TypeParam::kOutLanes) continue;
    for (const std::int64_t m : {1, 2, 3, 5, 7, 8, 31, 32, 33}) {
      for (const Stalls stalls : {Stalls{0, 0}, Stalls{20, 70}}) {
        if (m * (1 << log2_n) > 1024) continue;
        this->check(random_vector(this->random_, m, log2_n), stalls);
      }
    }
  }
}

TYPED_TEST(HtuRtl, HoldsTheLargestSums) {
  for (const std::int64_t value : {kMax, -kMax - 1}) {
    for (const int sign : {1, -1}) this->check(constant_vector(40, 7, sign, value), {});
  }
}

TYPED_TEST(HtuRtl, WorksAgainAfterReset) {
  for (const std::int64_t cycles : {1, 100, 700, 1500, 5000}) {
    this->abandon(random_vector(this->random_, 12, 6), cycles);
    this->check(random_vector(this->random_, 4, 7), {});
  }
}

}  // namespace
}  // namespace lightmamba::accel

#include <algorithm>
#include <gtest/gtest.h>

#include "VHtu2.h"
#include "VHtu3.h"
#include "VHtu32.h"
#include "VHtu32By16.h"
#include "VHtuButterfly.h"
#include "accel/numerics/htu.h"
#include "ports.h"
#include "streams.h"
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

constexpr Stalls kAllStalls[] = {{0, 0}, {0, 20}, {20, 0}, {20, 70}, {70, 20}, {70, 70}};

// Transforms of one chunk each, one after the other.
template <typename Unit>
class Butterfly {
 public:
  explicit Butterfly(std::uint64_t seed) : random_(seed) { reset(unit_); }

  void check(int log2_n, std::int64_t chunks, Stalls stalls) {
    std::vector<std::int64_t> x;
    std::vector<Beat> expected;
    for (std::int64_t i = 0; i < chunks; ++i) {
      Vector chunk = random_vector(random_, 1, log2_n);
      if (random_.chance(10)) chunk = constant_vector(1, log2_n, 1, random_.number(kInBits));
      chunk.matrix = {1};
      x.insert(x.end(), chunk.x.begin(), chunk.x.end());
      for (const std::int64_t y : chunk.transformed()) expected.push_back({y});
    }
    unit_.log2_n_i = static_cast<std::uint8_t>(log2_n);
    const StreamWork work = work_of(x, std::move(expected));
    StreamRun run(work, stalls, random_);
    run.finish();
    if (stalls.in != 0 || stalls.out != 0) return;
    EXPECT_EQ(run.in(0).cycles(), std::ssize(x));
    EXPECT_EQ(run.out(0).cycles(), std::ssize(x));
    EXPECT_EQ(run.out(0).first_cycle - run.in(0).first_cycle, (std::int64_t{1} << log2_n) + 7);
  }

  void abandon(std::int64_t cycles) {
    const std::vector<std::int64_t> x(static_cast<std::size_t>(cycles), kMax);
    const StreamWork work = work_of(x, std::vector<Beat>(x.size()));
    StreamRun run(work, {0, 50}, random_);
    run.cycles(cycles);
    run.reset();
  }

 private:
  StreamWork work_of(const std::vector<std::int64_t>& x, std::vector<Beat> expected) {
    const auto send = [&](std::size_t i) { set_lanes(unit_.x_i, &x[i], 1, kInBits); };
    const auto read = [&] { return lanes_of(unit_.y_o, 1, kButterflyBits); };
    return {.clock = clock_of(unit_),
            .in = {{unit_.x_valid_i, unit_.x_ready_o, x.size(), send}},
            .out = {{unit_.y_valid_o, unit_.y_ready_i, read, std::move(expected)}}};
  }

  RandomNumbers random_;
  Unit unit_;
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
    const StreamWork work = work_of(vector);
    StreamRun run(work, stalls, random_);
    run.finish();
    if (stalls.in == 0 && stalls.out == 0) check_throughput(vector, run);
  }

  void abandon(const Vector& vector, std::int64_t cycles) {
    write_signs(vector);
    const StreamWork work = work_of(vector);
    StreamRun run(work, {}, random_);
    run.cycles(cycles);
    run.reset();
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
      tick(unit_);
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

  // The next vector is there and must wait.
  StreamWork work_of(const Vector& vector) {
    const std::vector<std::int64_t> y = vector.transformed();
    std::vector<Beat> expected;
    for (auto next = y.begin(); next != y.end(); next += C::kOutLanes) {
      expected.emplace_back(next, next + C::kOutLanes);
      expected.back().push_back(next + C::kOutLanes == y.end());
    }
    const auto send = [&](std::size_t i) { set_lanes(unit_.x_i, &vector.x[i], 1, kInBits); };
    const auto read = [&] {
      Beat beat = lanes_of(unit_.y_o, C::kOutLanes, kOutBits);
      beat.push_back(unit_.y_last_o);
      return beat;
    };
    return {.clock = clock_of(unit_),
            .in = {{.valid = unit_.x_valid_i,
                    .ready = unit_.x_ready_o,
                    .beats = vector.x.size(),
                    .send = send,
                    .is_followed = true}},
            .out = {{unit_.y_valid_o, unit_.y_ready_i, read, std::move(expected)}},
            .start = [&] { start(vector); }};
  }

  static void check_throughput(const Vector& vector, const StreamRun& run) {
    constexpr std::int64_t kRows = C::kMixLanes / C::kOutLanes;
    const std::int64_t passes = (vector.m + kRows - 1) / kRows;
    const std::int64_t words = vector.m * vector.n() / C::kOutLanes;
    EXPECT_EQ(run.out(0).cycles(), words);
    if (vector.log2_n < 3) return;
    const std::int64_t taken = words * std::max<std::int64_t>(passes, C::kOutLanes);
    constexpr std::int64_t kLatency = 24;
    EXPECT_LE(run.out(0).last_cycle - run.in(0).first_cycle,
              taken + vector.n() + passes + words + kLatency);
  }

  typename C::Model unit_;
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

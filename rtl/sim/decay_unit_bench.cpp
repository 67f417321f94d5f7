#include <cstdint>
#include <gtest/gtest.h>
#include <vector>

#include "Vdecay_unit.h"
#include "accel/numerics/fixed_point.h"
#include "accel/numerics/ssm_unit.h"
#include "ports.h"
#include "streams.h"

namespace lightmamba::accel {
namespace {

constexpr std::int64_t kLatency = 22;
constexpr DtLimits kNoLimits = {{0, kZeroExponent}, {255, 127}};

struct Head {
  std::int64_t raw, bias;
  Scaled A;
};

void set_limits(Vdecay_unit& unit, const DtLimits& limits) {
  set_field(unit.limits_i, 0, 8, limits.min.mantissa);
  set_field(unit.limits_i, 8, 8, limits.min.exponent);
  set_field(unit.limits_i, 16, 8, limits.max.mantissa);
  set_field(unit.limits_i, 24, 8, limits.max.exponent);
}

StreamWork decay_work(Vdecay_unit& unit, const DtLimits& limits, const std::vector<Head>& heads) {
  std::vector<Beat> expected;
  for (const Head& head : heads) {
    const Decay decay = compute_decay({head.bias, head.A, 0, 0}, limits, head.raw);
    expected.push_back({decay.dt.mantissa, decay.dt.exponent, decay.complement.mantissa,
                        decay.complement.exponent});
  }
  const auto send = [&](std::size_t i) {
    unit.in_raw_i = static_cast<std::uint32_t>(low_bits(heads[i].raw, kDtBits));
    unit.in_bias_i = static_cast<std::uint32_t>(low_bits(heads[i].bias, kDtBits));
    unit.in_a_mantissa_i = static_cast<std::uint16_t>(heads[i].A.mantissa);
    unit.in_a_exponent_i = static_cast<std::uint8_t>(low_bits(heads[i].A.exponent, 8));
  };
  // A decay_t: dt, and above it 1 - a.
  const auto read = [&] {
    Beat decay = lanes_of(unit.out_decay_o, 4, 8);
    for (const std::size_t mantissa : {0, 2}) {
      decay[mantissa] = static_cast<std::int64_t>(low_bits(decay[mantissa], 8));
    }
    return decay;
  };
  return {.clock = clock_of(unit),
          .in = {{unit.in_valid_i, unit.in_ready_o, heads.size(), send}},
          .out = {{unit.out_valid_o, unit.out_ready_i, read, expected}}};
}

// From 2^-20 to 2^12, and rarely 0.
Scaled random_A(RandomNumbers& random) {
  if (random.below(100) == 0) return {0, kZeroExponent};
  return {static_cast<std::int64_t>(0x8000 | random.below(0x8000)),
          static_cast<int>(random.below(32)) - 35};
}

std::vector<Head> random_heads(std::size_t count, RandomNumbers& random) {
  std::vector<Head> heads(count);
  for (Head& head : heads) {
    head = {random.number(kDtBits), random.number(kDtBits), random_A(random)};
  }
  return heads;
}

TEST(DecayRtl, EqualsGoldenWithStalls) {
  Vdecay_unit unit;
  RandomNumbers random(4);
  const std::vector<Head> heads = random_heads(5000, random);
  set_limits(unit, kNoLimits);
  exercise(decay_work(unit, kNoLimits, heads), std::ssize(heads) + kLatency);
}

TEST(DecayRtl, KeepsLimits) {
  Vdecay_unit unit;
  RandomNumbers random(5);
  for (const DtLimits& limits : {DtLimits{{131, -17}, {205, -11}},
                                 {{131, -17}, {131, -17}},
                                 {{128, -10}, {128, -7}},
                                 {{0, kZeroExponent}, {0, kZeroExponent}},
                                 {{255, -9}, {200, -12}},
                                 {{255, 20}, {255, 127}}}) {
    const std::vector<Head> heads = random_heads(5000, random);
    set_limits(unit, limits);
    reset(unit);
    run_streams(decay_work(unit, limits, heads), {20, 20}, random);
  }
}

TEST(DecayRtl, EqualsGoldenForAllRawValues) {
  Vdecay_unit unit;
  RandomNumbers random(6);
  set_limits(unit, kNoLimits);
  reset(unit);
  constexpr std::int64_t kEnd = std::int64_t{1} << (kDtBits - 1);
  for (const std::int64_t bias : {std::int64_t{0}, std::int64_t{-28311}, kEnd - 1, -kEnd}) {
    std::vector<Head> heads;
    for (std::int64_t raw = -kEnd; raw < kEnd; ++raw)
      heads.push_back({raw, bias, random_A(random)});
    EXPECT_EQ(run_streams(decay_work(unit, kNoLimits, heads), {}, random),
              std::ssize(heads) + kLatency);
  }
}

}  // namespace
}  // namespace lightmamba::accel

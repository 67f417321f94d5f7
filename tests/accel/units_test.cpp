// The units of the golden model next to floats: the numbers of the fake-quantized reference, or a
// plain recurrence.
#include <algorithm>
#include <cmath>
#include <gtest/gtest.h>
#include <numeric>
#include <random>
#include <vector>

#include <lightmamba/fake_quant.h>

#include "accel/numerics/bfp8.h"
#include "accel/numerics/conv_unit.h"
#include "accel/numerics/fixed_point.h"
#include "accel/numerics/htu.h"
#include "accel/numerics/mmu.h"
#include "accel/numerics/quantize_unit.h"
#include "accel/numerics/ssm_unit.h"
#include "accel/numerics/sum_units.h"
#include "quant/hadamard.h"
#include "quant/state_format.h"

namespace lightmamba::accel {
namespace {

std::vector<std::int64_t> random_values(std::size_t count, int bits, std::mt19937_64& random) {
  std::vector<std::int64_t> values(count);
  for (std::int64_t& value : values) value = static_cast<std::int64_t>(random()) >> (64 - bits);
  return values;
}

TEST(Activations, AreThoseOfTheFakeQuantizer) {
  std::mt19937_64 random(4);
  for (int trial = 0; trial < 500; ++trial) {
    const int clip = 0x5000 + static_cast<int>(random() % 0x3001);
    const std::vector<std::int64_t> values =
        random_values(3 * 128, 6 + static_cast<int>(random() % 18), random);
    QuantizedVector vector;
    quantize_vector(values, -7, 128, clip, vector);
    std::vector<float> expected(values.size());
    for (std::size_t i = 0; i < values.size(); ++i) {
      expected[i] = std::ldexp(static_cast<float>(values[i]), -7);
    }
    fake_quantize({.bits = 4,
                   .group = 128,
                   .full_range = true,
                   .clip = std::ldexp(static_cast<float>(clip), -15)},
                  std::ssize(expected), expected);
    for (std::size_t g = 0; g < 3; ++g) {
      const double step = std::ldexp(std::abs(vector.multipliers[g]), vector.exponent);
      for (std::size_t i = g * 128; i < (g + 1) * 128; ++i) {
        const double value = vector.codes[i] * std::ldexp(vector.multipliers[g], vector.exponent);
        // Where a value lies between two codes, either may be taken; and scales have 11 bits.
        const double exact = std::ldexp(static_cast<double>(values[i]), -7);
        if (std::abs(value - static_cast<double>(expected[i])) > step / 2) {
          EXPECT_NEAR(std::abs(exact - value), step / 2, 0.01 * step);
        } else {
          EXPECT_NEAR(value, static_cast<double>(expected[i]), 0.01 * step);
        }
      }
    }
  }
}

// The worked number of docs/numerics.md.
TEST(Activations, AGroupOfTheDocumentation) {
  std::vector<std::int64_t> values(128, 1);
  values[0] = 1000;
  values[1] = -300;
  std::vector<std::int8_t> codes(values.size());
  const GroupScale scale = quantize_group(values, 29491, codes);
  EXPECT_TRUE(scale.negative);
  EXPECT_EQ(scale.mantissa, 1800);
  EXPECT_EQ(scale.exponent, 14);
  EXPECT_EQ(codes[0], -8);
  EXPECT_EQ(codes[1], 3);
  EXPECT_DOUBLE_EQ(-codes[0] * std::ldexp(scale.mantissa, scale.exponent - 18), 900);
  EXPECT_DOUBLE_EQ(-codes[1] * std::ldexp(scale.mantissa, scale.exponent - 18), -337.5);
}

TEST(Activations, ZerosAndTheSmallest) {
  std::vector<std::int64_t> values(256, 0);
  QuantizedVector vector;
  quantize_vector(values, 0, 128, 1 << 15, vector);
  EXPECT_EQ(vector.multipliers, (std::vector<std::int32_t>{0, 0}));
  values[200] = 1;
  quantize_vector(values, 0, 128, 1 << 15, vector);
  EXPECT_EQ(vector.codes[200], -8);
  EXPECT_EQ(vector.multipliers[0], 0);
  EXPECT_EQ(-8 * std::ldexp(vector.multipliers[1], vector.exponent), 1.0);
  values[200] = -1;
  quantize_vector(values, 0, 128, 1 << 15, vector);
  EXPECT_EQ(vector.codes[200], -8);
  EXPECT_EQ(-8 * std::ldexp(vector.multipliers[1], vector.exponent), -1.0);
}

// The worst that operands can be stays within the accumulator, and any are summed exactly.
TEST(Mmu, SumsExactly) {
  std::mt19937_64 random(5);
  for (const bool worst : {false, true}) {
    const std::int64_t columns = kMaxGroups * 128;
    WeightMatrix weights;
    weights.rows = 2;
    weights.columns = columns;
    QuantizedVector x;
    std::vector<std::vector<int>> codes(2);
    for (std::int64_t row = 0; row < 2; ++row) {
      for (std::int64_t i = 0; i < columns; ++i) {
        codes[static_cast<std::size_t>(row)].push_back(worst ? -8
                                                             : static_cast<int>(random() % 16) - 8);
      }
      for (std::int64_t i = 0; i < columns; i += 2) {
        const auto& own = codes[static_cast<std::size_t>(row)];
        weights.codes.push_back(
            static_cast<std::uint8_t>((own[static_cast<std::size_t>(i)] & 15) |
                                      (own[static_cast<std::size_t>(i + 1)] & 15) << 4));
      }
      for (std::int64_t g = 0; g < kMaxGroups; ++g) {
        weights.scales.push_back(worst ? INT16_MIN : static_cast<std::int16_t>(random()));
      }
    }
    for (std::int64_t i = 0; i < columns; ++i) {
      x.codes.push_back(static_cast<std::int8_t>(worst ? -8 : static_cast<int>(random() % 16) - 8));
    }
    for (std::int64_t g = 0; g < kMaxGroups; ++g) {
      x.multipliers.push_back(worst ? -4095 : static_cast<int>(random() % 8191) - 4095);
    }
    for (std::int64_t row = 0; row < 2; ++row) {
      long double expected = 0;
      for (std::int64_t i = 0; i < columns; ++i) {
        expected += static_cast<long double>(
                        codes[static_cast<std::size_t>(row)][static_cast<std::size_t>(i)]) *
                    x.codes[static_cast<std::size_t>(i)] *
                    x.multipliers[static_cast<std::size_t>(i / 128)] *
                    weights.scales[static_cast<std::size_t>(row * kMaxGroups + i / 128)];
      }
      const std::int64_t sum = multiply_row(weights, row, x);
      EXPECT_EQ(static_cast<long double>(sum), expected);
      EXPECT_LT(bit_length(sum), kAccumulatorBits);
    }
  }
}

TEST(Block8, IsThePowerOfTwoQuantizer) {
  std::mt19937_64 random(6);
  for (int trial = 0; trial < 2000; ++trial) {
    std::vector<std::int64_t> values =
        random_values(64, 2 + static_cast<int>(random() % 22), random);
    values[0] = 0;
    std::vector<float> expected(values.begin(), values.end());
    fake_quantize({.bits = 8, .group = 64, .power_of_two = true}, 64, expected);
    std::vector<std::int8_t> codes(64);
    const int exponent = round_bfp8(values, 0, codes);
    for (std::size_t i = 0; i < 64; ++i) {
      const float value =
          exponent == kZeroExponent ? 0 : std::ldexp(static_cast<float>(codes[i]), exponent);
      if (value == expected[i]) continue;
      // Halves go up here and to even there.
      EXPECT_EQ(std::abs(static_cast<float>(values[i]) - value), std::ldexp(0.5F, exponent));
    }
  }
}

TEST(Block8, TakesTheSmallestScaleThatHolds) {
  std::vector<std::int8_t> codes(1);
  const auto exponent_of = [&](std::int64_t value) {
    return round_bfp8(std::vector{value}, 10, codes);
  };
  EXPECT_EQ(exponent_of(127), 10);
  EXPECT_EQ(exponent_of(128), 11);
  EXPECT_EQ(exponent_of(254), 11);
  EXPECT_EQ(exponent_of(255), 12);
  EXPECT_EQ(exponent_of(1), 4);
  EXPECT_EQ(codes[0], 64);
  EXPECT_EQ(exponent_of(0), kZeroExponent);
}

// Only the highest 24 bits of a magnitude are multiplied.
TEST(SumUnits, RoundProductsToABlock) {
  std::mt19937_64 random(12);
  for (int trial = 0; trial < 2000; ++trial) {
    const std::vector<std::int64_t> sums =
        random_values(64, 2 + static_cast<int>(random() % 47), random);
    const Scaled scale = {0x8000 + static_cast<std::int64_t>(random() % 0x8001), -40};
    std::vector<std::int8_t> codes(sums.size());
    const double step = std::ldexp(1, sums_to_bfp8(sums, scale, codes));
    double largest = 0;
    for (std::size_t i = 0; i < sums.size(); ++i) {
      const double product =
          std::ldexp(static_cast<double>(sums[i]) * static_cast<double>(scale.mantissa), -40);
      largest = std::max(largest, std::abs(product));
      EXPECT_LE(std::abs(codes[i] * step - product), step / 2 + step * 127 * 0x1p-23);
    }
    if (largest > 0) {
      EXPECT_GT(largest, 63 * step);  // half the step would not do
    }
  }
}

TEST(SumUnits, RoundAProductToFixedPoint) {
  std::mt19937_64 random(13);
  for (int trial = 0; trial < 20'000; ++trial) {
    const std::int64_t sum = random_values(1, 2 + static_cast<int>(random() % 47), random)[0];
    const Scaled scale = {0x8000 + static_cast<std::int64_t>(random() % 0x8001),
                          -static_cast<int>(random() % 60)};
    const double product = std::ldexp(
        static_cast<double>(sum) * static_cast<double>(scale.mantissa), scale.exponent + 12);
    const double expected = std::clamp(product, -0x1p25, 0x1p25 - 1);
    EXPECT_NEAR(static_cast<double>(sum_to_fixed(sum, scale, 12, 26)), expected,
                0.5 + std::abs(expected) * 0x1p-23);
  }
}

TEST(Htu, IsTheTransformWithoutItsFactor) {
  std::mt19937_64 random(7);
  for (const std::int64_t d : {64, 768, 1536, 5120}) {
    const HadamardShape shape = hadamard_shape(d);
    std::vector<std::int64_t> x = random_values(static_cast<std::size_t>(d), 10, random);
    std::vector<float> expected(x.begin(), x.end());
    HadamardTransform(d).apply(expected);
    hadamard_transform(hadamard_matrix(shape.m), shape.m, shape.n, x);
    for (std::size_t i = 0; i < x.size(); ++i) {
      EXPECT_NEAR(static_cast<double>(x[i]) / std::sqrt(static_cast<double>(d)),
                  static_cast<double>(expected[i]), 0.01);
    }
  }
}

TEST(ConvUnit, SumsAndAppliesSilu) {
  const std::vector<std::int8_t> weights = {10, -20, 30, 127};
  const std::vector<std::int8_t> weight_exponents = {-7};
  const std::vector<std::int32_t> biases = {1 << 14};  // 0.25
  const std::vector<std::vector<std::int8_t>> codes = {{5}, {-60}, {127}, {-3}};
  const std::vector<int> exponents = {-3, -6, kZeroExponent, -2};
  std::vector<ConvTap> taps;
  for (std::size_t k = 0; k < 4; ++k) taps.push_back({codes[k], exponents[k]});
  std::vector<std::int64_t> out(1);
  conv_silu({weights, weight_exponents, biases}, taps, out);
  const double x = 0.25 + (10 * 5 * 0.125 + 20 * 60 / 64.0 - 127 * 3 * 0.25) / 128;
  EXPECT_NEAR(std::ldexp(static_cast<double>(out[0]), -16), x / (1 + std::exp(-x)), 1e-4);
}

struct Channel {
  std::vector<std::int16_t> codes = std::vector<std::int16_t>(128);
  std::int8_t exponent = kZeroExponent;
  std::vector<double> exact = std::vector<double>(128);
  std::vector<float> rounded = std::vector<float>(128);  // as the reference has it
};

// sqrt(sum of error^2 / sum of value^2)
class RelativeError {
 public:
  void add(double value, double exact) {
    error_ += (value - exact) * (value - exact);
    power_ += exact * exact;
  }
  double value() const { return std::sqrt(error_ / power_); }

 private:
  double error_ = 0;
  double power_ = 0;
};

// A channel over many tokens next to the recurrence in float64, at decays down to 1 - 2^-14; B and
// C keep their character, as a model's do, which is what makes rounding errors add up.
void expect_slow_states_are_kept(StateFormat format) {
  const StateCodes codes = state_codes(format);
  for (int slow = 4; slow <= 14; slow += 5) {
    std::mt19937_64 random(8);
    std::vector<std::int64_t> steady = random_values(128, 7, random);
    Channel channel;
    const Scaled complement = {128, -7 - slow};  // 1 - a = 2^-slow
    RelativeError golden;
    RelativeError reference;
    for (std::int64_t token = 0; token < 6000; ++token) {
      std::vector<std::int8_t> B(128);
      std::vector<std::int8_t> C(128);
      for (std::size_t n = 0; n < 128; ++n) {
        B[n] = static_cast<std::int8_t>(steady[n] + static_cast<std::int64_t>(random() % 17) - 8);
        C[n] = static_cast<std::int8_t>(steady[127 - n] + static_cast<std::int64_t>(random() % 17) -
                                        8);
      }
      const std::vector<std::int8_t> B_exponents = {-6, -7};
      const std::vector<std::int8_t> C_exponents = {-7, -6};
      const auto x = static_cast<std::int64_t>(random() % 155) - 27;
      const HeadInput in = {.decay = {.dt = {130, -10}, .complement = complement},
                            .B = {B, B_exponents},
                            .C = {C, C_exponents},
                            .D = 20000,
                            .D_exponent = -15,
                            .x = static_cast<std::int8_t>(x),
                            .x_exponent = -5};
      const std::int64_t y = step_channel(in, codes.bits, static_cast<std::uint32_t>(token * 49471),
                                          {channel.codes, channel.exponent});
      const double own = 20000 * 0x1p-15 * static_cast<double>(x) * 0x1p-5;
      const double u = 130 * 0x1p-10 * static_cast<double>(x) * 0x1p-5;
      double exact = own;
      double rounded = own;
      for (std::size_t n = 0; n < 128; ++n) {
        const double b = std::ldexp(B[n], B_exponents[n / 64]);
        const double c = std::ldexp(C[n], C_exponents[n / 64]);
        const double decay = 1 - std::ldexp(1.0, -slow);
        channel.exact[n] = decay * channel.exact[n] + u * b;
        channel.rounded[n] =
            static_cast<float>(decay) * channel.rounded[n] + static_cast<float>(u * b);
        exact += channel.exact[n] * c;
        rounded += static_cast<double>(channel.rounded[n]) * c;
      }
      round_state(codes, 128, 0, token, channel.rounded);
      if (token < 5000) continue;
      golden.add(std::ldexp(static_cast<double>(y), -kFractionBits), exact);
      reference.add(rounded, exact);
    }
    // With 8 bits a step of the state is larger than what a token takes from it.
    const bool is_short = format == StateFormat::int8;
    EXPECT_LT(golden.value(), (is_short ? 1.5 : 1.1) * reference.value() + 1e-4)
        << "1 - a = 2^-" << slow;
    EXPECT_LT(golden.value(), is_short ? 0.25 : 0.01);
  }
}

TEST(SsmUnit, KeepsSlowStatesOverLongSequences) {
  expect_slow_states_are_kept(StateFormat::int16);
  expect_slow_states_are_kept(StateFormat::int8);
}

// Codes of 8 bits are within a step of the exact state, and none is beyond their range, though the
// rule for their scale leaves out the last 2^-7 of a step.
TEST(SsmUnit, CodesOf8BitsAreWithinAStep) {
  std::mt19937_64 random(21);
  const std::vector<std::int8_t> exponents = {-7, -7};
  int saturated = 0;
  for (int trial = 0; trial < 20'000; ++trial) {
    Channel channel;
    // A single input: h = dt x B exactly, with the largest B often just beyond 127 steps.
    std::vector<std::int8_t> B(128, 0);
    for (std::int8_t& b : B) b = static_cast<std::int8_t>(random() % 256 - 128);
    const auto x = static_cast<std::int8_t>(random() % 255 - 127);
    const HeadInput in = {.decay = {.dt = {static_cast<std::int64_t>(128 + random() % 128), -10},
                                    .complement = {128, -9}},
                          .B = {B, exponents},
                          .C = {B, exponents},
                          .D = 0,
                          .D_exponent = 0,
                          .x = x,
                          .x_exponent = -5};
    step_channel(in, 8, static_cast<std::uint32_t>(random() % 65536),
                 {channel.codes, channel.exponent});
    const double step = std::ldexp(1.0, channel.exponent);
    for (std::size_t n = 0; n < 128; ++n) {
      const double exact =
          std::ldexp(static_cast<double>(in.decay.dt.mantissa * x * B[n]), -10 - 5 - 7);
      ASSERT_GE(channel.codes[n], -128);
      ASSERT_LE(channel.codes[n], 127);
      ASSERT_LT(std::abs(channel.codes[n] * step - exact), step);
      saturated += exact >= 127 * step && channel.codes[n] == 127;
    }
  }
  EXPECT_GT(saturated, 0);
}

// Its exponent falls from token to token, and must not pass that of zero.
TEST(SsmUnit, AStateThatOnlyDecaysEndsAsZero) {
  const std::vector<std::int8_t> codes(128, 100);
  const std::vector<std::int8_t> exponents = {-7, -7};
  HeadInput in = {.decay = {.dt = {200, -8}, .complement = {200, -8}},
                  .B = {codes, exponents},
                  .C = {codes, exponents},
                  .D = 0,
                  .D_exponent = 0,
                  .x = 100,
                  .x_exponent = -7};
  Channel channel;
  const StateRow state = {channel.codes, channel.exponent};
  std::int64_t last = step_channel(in, 16, 0, state);
  EXPECT_GT(last, 0);
  in.x = 0;
  for (std::uint32_t token = 1; token < 300; ++token) {
    const std::int64_t y = step_channel(in, 16, token * 49471, state);
    ASSERT_LE(std::abs(y), last) << token;
    last = std::abs(y);
  }
  EXPECT_EQ(channel.exponent, kZeroExponent);
  EXPECT_EQ(channel.codes, std::vector<std::int16_t>(128));
}

TEST(SsmUnit, DtIsHeldToItsLimits) {
  const HeadWeights weights = {.dt_bias = 0, .A = {1 << 15, -15}, .D = 0, .D_exponent = 0};
  const DtLimits limits = {{200, -12}, {160, -9}};
  EXPECT_EQ(compute_decay(weights, limits, -(1 << 17)).dt, limits.min);
  EXPECT_EQ(compute_decay(weights, limits, 1 << 16).dt, limits.max);
  // log 2 has 8 bits 177.4 2^-8
  EXPECT_EQ(compute_decay(weights, {{0, kZeroExponent}, {255, 127}}, 0).dt, (Scaled{177, -8}));
}

}  // namespace
}  // namespace lightmamba::accel

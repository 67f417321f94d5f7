#include <cstdint>
#include <gtest/gtest.h>
#include <vector>

#include "Vgain_unit.h"
#include "Vgate_unit.h"
#include "accel/numerics/fixed_point.h"
#include "accel/numerics/functions.h"
#include "accel/numerics/gain_unit.h"
#include "accel/numerics/gate_unit.h"
#include "ports.h"
#include "streams.h"

namespace lightmamba::accel {
namespace {

constexpr std::size_t kChannels = 6000;

struct Code {
  std::int8_t code;
  int exponent;
};

// With exponents at which results have all magnitudes, any, or of what is zero.
Code random_code(RandomNumbers& random, int usual_exponent) {
  Code code = {static_cast<std::int8_t>(random.number(8)), 0};
  switch (random.below(8)) {
    case 0:
      code.exponent = static_cast<int>(random.number(8));
      break;
    case 1:
      code = {0, kZeroExponent};
      break;
    default:
      code.exponent = usual_exponent + static_cast<int>(random.number(5));
  }
  return code;
}

void set_code(CData& code, CData& exponent, const Code& value) {
  code = static_cast<std::uint8_t>(value.code);
  exponent = static_cast<std::uint8_t>(low_bits(value.exponent, 8));
}

StreamWork gate_work(Vgate_unit& unit, const std::vector<Code>& y, const std::vector<Code>& z) {
  std::vector<Beat> expected;
  for (std::size_t i = 0; i < y.size(); ++i) {
    expected.push_back({gate(y[i].code, y[i].exponent, z[i].code, z[i].exponent)});
  }
  const auto send_y = [&](std::size_t i) { set_code(unit.y_code_i, unit.y_exponent_i, y[i]); };
  const auto send_z = [&](std::size_t i) { set_code(unit.z_code_i, unit.z_exponent_i, z[i]); };
  const auto read = [&] { return Beat{sign_extend(unit.out_value_o, kGatedBits)}; };
  return {.clock = clock_of(unit),
          .in = {{unit.y_valid_i, unit.y_ready_o, y.size(), send_y},
                 {unit.z_valid_i, unit.z_ready_o, z.size(), send_z}},
          .out = {{unit.out_valid_o, unit.out_ready_i, read, expected}}};
}

TEST(GateRtl, EqualsGolden) {
  Vgate_unit unit;
  RandomNumbers random(1);
  std::vector<Code> y, z;
  for (std::size_t i = 0; i < kChannels; ++i) {
    y.push_back(random_code(random, 0));
    z.push_back(random_code(random, -6));
  }
  exercise(gate_work(unit, y, z), kChannels + 20);
}

// All codes of z, at exponents where silu bends.
TEST(GateRtl, EqualsGoldenOfAllCodes) {
  Vgate_unit unit;
  RandomNumbers random(2);
  std::vector<Code> y, z;
  for (const int exponent : {-12, -7, -5, -3, 2}) {
    for (int code = -128; code < 128; ++code) {
      for (const int y_code : {-128, -127, -1, 1, 127}) {
        y.push_back({static_cast<std::int8_t>(y_code), static_cast<int>(random.number(4))});
        z.push_back({static_cast<std::int8_t>(code), exponent});
      }
    }
  }
  const StreamWork work = gate_work(unit, y, z);
  reset_streams(work);
  run_streams(work, {}, random);
}

TEST(GainRtl, EqualsGolden) {
  constexpr std::size_t kGains = 8;  // in a record
  Vgain_unit unit;
  RandomNumbers random(1);
  std::vector<std::int64_t> values;
  std::vector<std::int16_t> gains;
  std::vector<Beat> expected;
  for (std::size_t i = 0; i < kChannels; ++i) {
    values.push_back(random.number(kGatedBits));
    gains.push_back(static_cast<std::int16_t>(random.number(16)));
    // Next to the ends of the result.
    if (random.chance(20)) {
      gains[i] = static_cast<std::int16_t>(1 << (4 + random.below(11)));
      const std::int64_t end = (std::int64_t{1} << (kGainedBits - 1 + kGainShift)) / gains[i];
      const std::int64_t value = end - 3 + static_cast<std::int64_t>(random.below(6));
      values[i] = saturate(random.chance(50) ? value : -value, kGatedBits);
    }
    expected.push_back({times_gain(values[i], gains[i])});
  }
  const auto send_record = [&](std::size_t i) {
    for (std::size_t k = 0; k < kGains; ++k) set_lane(unit.record_i, k, 16, gains[i * kGains + k]);
  };
  const auto send_value = [&](std::size_t i) {
    unit.in_value_i = static_cast<std::uint32_t>(low_bits(values[i], kGatedBits));
  };
  const auto read = [&] { return Beat{sign_extend(unit.out_value_o, kGainedBits)}; };
  const StreamWork work = {
      .clock = clock_of(unit),
      .in = {{unit.record_valid_i, unit.record_ready_o, kChannels / kGains, send_record},
             {unit.in_valid_i, unit.in_ready_o, kChannels, send_value}},
      .out = {{unit.out_valid_o, unit.out_ready_i, read, expected}}};
  exercise(work, kChannels + 3);
}

}  // namespace
}  // namespace lightmamba::accel

#include "eval/ssm_formats.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include <lightmamba/quantizer.h>

#include "quant/power_of_two.h"

namespace lightmamba {

namespace {

// On the same grid as fake_quantize().
void round_stochastically(int bits, Random& random, std::span<float> values) {
  float largest = 0;
  for (const float value : values) largest = std::max(largest, std::abs(value));
  if (largest < std::numeric_limits<float>::min()) return;
  const float levels = static_cast<float>((1 << (bits - 1)) - 1);
  const float scale = power_of_two_at_least(largest / levels);
  for (float& value : values) {
    const float code = std::floor(value / scale + static_cast<float>(random.uniform()));
    value = std::clamp(code, -levels, levels) * scale;
  }
}

}  // namespace

void round_state(const StudyStateFormat& format, std::int64_t d_state, Random& random,
                 std::span<float> state) {
  if (format.bits == 0) return;
  if (!format.stochastic) {
    fake_quantize({.bits = format.bits, .group = d_state, .power_of_two = true}, d_state, state);
    return;
  }
  const auto group = static_cast<std::size_t>(d_state);
  for (std::size_t begin = 0; begin < state.size(); begin += group) {
    round_stochastically(format.bits, random, state.subspan(begin, group));
  }
}

double round_complement(const DecayFormat& format, double complement) {
  if (format.kind == DecayFormat::Kind::exact) return complement;
  int exponent = 0;
  if (format.kind == DecayFormat::Kind::complement) std::frexp(complement, &exponent);
  const double unit = std::ldexp(1.0, exponent - format.bits);
  return std::nearbyint(complement / unit) * unit;
}

}  // namespace lightmamba

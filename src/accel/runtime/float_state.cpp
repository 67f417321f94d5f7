#include "accel/runtime/float_state.h"

#include <algorithm>
#include <cmath>
#include <vector>

#include "accel/numerics/bfp8.h"
#include "accel/numerics/fixed_point.h"
#include "base/fail.h"

namespace lightmamba::accel {
namespace {

// Codes of consecutive blocks of `size`, times the exponent of each.
template <typename Code>
void to_values(const std::vector<Code>& codes, const std::vector<std::int8_t>& exponents,
               std::vector<float>& values) {
  if (exponents.empty()) return;  // a convolution of one tap keeps nothing
  const std::size_t size = codes.size() / exponents.size();
  values.resize(codes.size());
  for (std::size_t i = 0; i < codes.size(); ++i) {
    values[i] = std::ldexp(static_cast<float>(codes[i]), exponents[i / size]);
  }
}

// Back again: values that are codes of so many bits are kept.
template <typename Code>
void to_codes(const std::vector<float>& values, int bits, std::vector<Code>& codes,
              std::vector<std::int8_t>& exponents) {
  if (exponents.empty()) return;
  const std::size_t size = codes.size() / exponents.size();
  const auto max = static_cast<float>((1 << (bits - 1)) - 1);
  for (std::size_t block = 0; block < exponents.size(); ++block) {
    float largest = 0;
    for (std::size_t i = 0; i < size; ++i) {
      const float value = values[block * size + i];
      if (!std::isfinite(value)) fail("the state has a number that is not finite");
      largest = std::max(largest, std::abs(value));
    }
    int exponent = kZeroExponent;
    if (largest > 0) {
      exponent = std::ilogb(largest) - (bits - 2);
      if (largest > std::ldexp(max, exponent)) ++exponent;
      exponent = std::max(exponent, kZeroExponent);
      if (exponent > -kZeroExponent - 1) fail("the state has a number of magnitude {}", largest);
    }
    exponents[block] = static_cast<std::int8_t>(exponent);
    for (std::size_t i = 0; i < size; ++i) {
      const double code = std::ldexp(static_cast<double>(values[block * size + i]), -exponent);
      codes[block * size + i] =
          exponent == kZeroExponent ? Code{0} : static_cast<Code>(std::lround(code));
    }
  }
}

}  // namespace

State to_float(const GoldenState& from) {
  State state;
  to_values(from.conv_codes, from.conv_exponents, state.conv);
  to_values(from.ssm_codes, from.ssm_exponents, state.ssm);
  state.position = from.position;
  return state;
}

GoldenState from_float(const State& from, const Mamba2Config& config, int state_bits) {
  GoldenState state(config);
  to_codes(from.conv, 8, state.conv_codes, state.conv_exponents);
  to_codes(from.ssm, state_bits, state.ssm_codes, state.ssm_exponents);
  state.position = from.position;
  return state;
}

}  // namespace lightmamba::accel

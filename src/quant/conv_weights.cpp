#include "quant/conv_weights.h"

#include <algorithm>
#include <cmath>

#include "quant/power_of_two.h"

namespace lightmamba {
namespace {

constexpr int kLargestCode = 127;
// The exponent of weights that are far too small to matter; it keeps exponents within a byte.
constexpr int kLowestExponent = -100;

}  // namespace

ConvCodes quantize_conv(std::span<const float> weights, std::int64_t d_conv) {
  const auto width = static_cast<std::size_t>(d_conv);
  ConvCodes result;
  for (std::size_t begin = 0; begin < weights.size(); begin += width) {
    float largest = 0;
    for (const float w : weights.subspan(begin, width)) largest = std::max(largest, std::abs(w));
    int exponent = kLowestExponent;
    if (largest > std::ldexp(1.0F, kLowestExponent)) {
      exponent = std::max(std::ilogb(power_of_two_at_least(largest / kLargestCode)), exponent);
    }
    result.exponents.push_back(static_cast<std::int8_t>(exponent));
    for (const float w : weights.subspan(begin, width)) {
      result.codes.push_back(static_cast<std::int8_t>(round_to_even(std::ldexp(w, -exponent))));
    }
  }
  return result;
}

void conv_to_float(std::span<const std::int8_t> codes, std::span<const std::int8_t> exponents,
                   std::span<float> weights) {
  const std::size_t width = codes.size() / exponents.size();
  for (std::size_t i = 0; i < codes.size(); ++i) {
    weights[i] = std::ldexp(static_cast<float>(codes[i]), exponents[i / width]);
  }
}

}  // namespace lightmamba

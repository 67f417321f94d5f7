#include "accel/numerics/quantize_unit.h"

#include <algorithm>

#include "accel/numerics/fixed_point.h"
#include "accel/numerics/functions.h"
#include "accel/numerics/tables.h"

namespace lightmamba::accel {
namespace {

constexpr int kDivisorBits = 11;
constexpr std::int64_t kHalf = 1 << (kCodeBits - 1);
// With x = t 2^(e - kShift), s the mantissa and R = 2^26 / s, a code is 8 t 2^15 2^(e - 18) / (s
// 2^e) = t R 2^-26.
constexpr int kShift = 18;
constexpr int kValueBits = 17;  // bits of t
constexpr int kReciprocalBits = 26;

}  // namespace

GroupScale quantize_group(std::span<const std::int64_t> values, int clip,
                          std::span<std::int8_t> codes) {
  std::int64_t low = 0;
  std::int64_t high = 0;
  for (const std::int64_t x : values) {
    low = std::min(low, x);
    high = std::max(high, x);
  }
  const bool is_low = -low >= high;
  const Scaled scale = normalize({(is_low ? -low : high) * clip, 0}, kDivisorBits);
  if (scale.mantissa == 0) {
    std::fill(codes.begin(), codes.end(), std::int8_t{0});
    return {};
  }
  const auto reciprocal = static_cast<std::int64_t>(
      tables().reciprocal[static_cast<std::size_t>(scale.mantissa - (1 << (kDivisorBits - 1)))]);
  for (std::size_t i = 0; i < values.size(); ++i) {
    const std::int64_t t = rescale(values[i], scale.exponent - kShift, kValueBits);
    const std::int64_t code = rescale((is_low ? t : -t) * reciprocal, kReciprocalBits, 32);
    codes[i] = static_cast<std::int8_t>(std::clamp(code, -kHalf, kHalf - 1));
  }
  return {!is_low, static_cast<int>(scale.mantissa), scale.exponent};
}

void quantize_vector(std::span<const std::int64_t> values, int exponent, std::int64_t group,
                     int clip, QuantizedVector& out) {
  const auto step = static_cast<std::size_t>(group);
  const std::size_t groups = (values.size() + step - 1) / step;
  out.codes.resize(values.size());
  out.multipliers.resize(groups);
  std::vector<GroupScale> scales(groups);
  int largest = kZeroExponent;
  for (std::size_t g = 0; g < groups; ++g) {
    const std::size_t begin = g * step;
    const std::size_t count = std::min(step, values.size() - begin);
    scales[g] = quantize_group(values.subspan(begin, count), clip,
                               std::span(out.codes).subspan(begin, count));
    if (scales[g].mantissa != 0) largest = std::max(largest, scales[g].exponent);
  }
  for (std::size_t g = 0; g < groups; ++g) {
    const auto magnitude =
        rescale(2 * std::int64_t{scales[g].mantissa}, largest - scales[g].exponent, 32);
    out.multipliers[g] = static_cast<std::int32_t>(scales[g].negative ? -magnitude : magnitude);
  }
  // A multiplier has one bit more than the mantissa.
  out.exponent = exponent + largest - kClipFractionBits - (kCodeBits - 1) - 1;
}

}  // namespace lightmamba::accel

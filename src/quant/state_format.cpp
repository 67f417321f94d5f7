#include "quant/state_format.h"

#include <algorithm>
#include <limits>

#include <lightmamba/fake_quant.h>

#include "base/fail.h"
#include "base/threads.h"
#include "quant/dither.h"
#include "quant/power_of_two.h"
#include "quant/range.h"

namespace lightmamba {
namespace {

constexpr std::uint32_t kFractionMask = (1U << kDitherBits) - 1;

// Fixed point with kDitherBits, plus the threshold, rounded down.
void dither_group(int bits, std::uint32_t first_threshold, std::span<float> values) {
  const Range range = range_of(values);
  if (range.is_nan() || range.is_zero()) {
    const float all = range.is_nan() ? std::numeric_limits<float>::quiet_NaN() : 0.0F;
    return std::fill(values.begin(), values.end(), all);
  }
  constexpr auto kOne = static_cast<float>(1 << kDitherBits);
  const auto levels = static_cast<float>((1 << (bits - 1)) - 1);
  // Held where 2^16 / scale is still a float.
  const float scale = std::max(power_of_two_at_least(range.magnitude() / levels), 0x1p-111F);
  const float to_fixed = kOne / scale;
  const float limit = levels * kOne;
#pragma omp simd
  for (std::size_t i = 0; i < values.size(); ++i) {
    const float fixed = std::min(std::max(values[i] * to_fixed, -limit), limit);
    const std::uint32_t threshold =
        (first_threshold + static_cast<std::uint32_t>(i) * kDitherIndex) & kFractionMask;
    const std::int32_t code =
        (static_cast<std::int32_t>(fixed) + static_cast<std::int32_t>(threshold)) >> kDitherBits;
    values[i] = static_cast<float>(code) * scale;
  }
}

}  // namespace

StateCodes state_codes(StateFormat format) {
  switch (format) {
    case StateFormat::floating:
      return {.bits = 0};
    case StateFormat::int16:
      return {.bits = 16};
    case StateFormat::int8_feedback:
      return {.bits = 8 + 4};  // code and remainder are one number
    case StateFormat::int8:
      return {.bits = 8};
  }
  fail("unknown state format");
}

void round_state(const StateCodes& codes, std::int64_t d_state, std::int64_t layer,
                 std::int64_t position, std::span<float> state) {
  if (codes.bits == 0) return;
  if (!codes.dithered) {
    return fake_quantize({.bits = codes.bits, .group = d_state, .power_of_two = true}, d_state,
                         state);
  }
  const std::uint32_t first = state_dither(layer, position);
  parallel_for(std::ssize(state) / d_state, 4 * d_state, [&](std::int64_t group) {
    const std::int64_t begin = group * d_state;
    dither_group(codes.bits, first + static_cast<std::uint32_t>(begin) * kDitherIndex,
                 state.subspan(static_cast<std::size_t>(begin), static_cast<std::size_t>(d_state)));
  });
}

TapFn state_tap(const StateCodes& codes, const Mamba2Config& config) {
  if (codes.bits == 0) return {};
  return [codes, d_state = config.d_state](const TapValue& value) {
    round_state(codes, d_state, value.layer, value.first_position, value.data);
  };
}

}  // namespace lightmamba

// The element kernels for the instruction set that the including file is compiled for.
#pragma once

#include "kernels/elements.h"
#include "kernels/hadamard_impl.h"
#include "kernels/lanes.h"
#include "kernels/ssm_impl.h"

namespace lightmamba {
namespace {

// With x = n log 2 + r and |r| <= log(2) / 2: the Taylor series for r, times 2^n in two steps so
// that it overflows and underflows only where the result does.
LIGHTMAMBA_INLINE Floats exp_of(const Floats& any) {
  const Floats x = clamp(any, -105.0F, 89.0F);
  const Floats shifted = x * all(1.44269504F) + all(kRounder);
  const Floats n = shifted - all(kRounder);
  // 355/512 has so few bits that n times it is exact.
  const Floats r = x - n * all(0.693359375F) - n * all(-2.12194440e-4F);
  Floats series = all(1.0F / 5040);
  for (const float term : {1.0F / 720, 1.0F / 120, 1.0F / 24, 1.0F / 6, 0.5F, 1.0F, 1.0F}) {
    series = series * r + all(term);
  }
  const Bits exponent = bits_of(shifted) - all(0x4B400000U);
  const Bits half = ((exponent + all(256U)) >> 1) - all(128U);
  const Bits bias = all(127U);
  return series * float_of((half + bias) << 23) * float_of((exponent - half + bias) << 23);
}

LIGHTMAMBA_INLINE Floats silu_of(const Floats& x) { return x / (all(1.0F) + exp_of(negated(x))); }

// log(1 + u) = 2 artanh(u / (2 + u)), whose argument is at most 1/3.
LIGHTMAMBA_INLINE Floats log1p_of(const Floats& u) {
  const Floats s = u / (all(2.0F) + u);
  const Floats square = s * s;
  Floats series = all(2.0F / 15);
  for (const float term : {2.0F / 13, 2.0F / 11, 2.0F / 9, 2.0F / 7, 2.0F / 5, 2.0F / 3, 2.0F}) {
    series = series * square + all(term);
  }
  return series * s;
}

LIGHTMAMBA_INLINE Floats softplus_of(const Floats& x) {
  return clamp(x, 0.0F, __builtin_inff()) + log1p_of(exp_of(negated(magnitude(x))));
}

template <typename Function>
LIGHTMAMBA_INLINE void map(const Function& function, const float* x, std::int64_t count,
                           float* out) {
  std::int64_t i = 0;
  for (; i + kLanes <= count; i += kLanes) store(out + i, function(load(x + i), i, kLanes));
  if (i < count) {
    store_up_to(out + i, function(load_up_to(x + i, count - i), i, count - i), count - i);
  }
}

inline void exp(const float* x, std::int64_t count, float* out) {
  map([](const Floats& a, std::int64_t, std::int64_t) { return exp_of(a); }, x, count, out);
}

inline void silu(const float* x, std::int64_t count, float* out) {
  map([](const Floats& a, std::int64_t, std::int64_t) { return silu_of(a); }, x, count, out);
}

inline void softplus(const float* x, std::int64_t count, float* out) {
  map([](const Floats& a, std::int64_t, std::int64_t) { return softplus_of(a); }, x, count, out);
}

inline void add(const float* y, std::int64_t count, float* x) {
  map([y](const Floats& a, std::int64_t i, std::int64_t n) { return a + load_up_to(y + i, n); }, x,
      count, x);
}

inline void gate(const float* z, std::int64_t count, float* y) {
  map([z](const Floats& a, std::int64_t i,
          std::int64_t n) { return a * silu_of(load_up_to(z + i, n)); },
      y, count, y);
}

// The sum is in double, in lanes.
LIGHTMAMBA_INLINE double sum_of_squares(const float* x, std::int64_t count) {
  constexpr int kDoubles = kNative / 2;
  constexpr int kSums = kLanes / kDoubles;
  NativeDouble sums[kSums] = {};
  for (std::int64_t i = 0; i < count; i += kLanes) {
    float lanes[kLanes];
    store(lanes, load_up_to(x + i, count - i));
    for (int s = 0; s < kSums; ++s) {
      using Half = float __attribute__((vector_size(kDoubles * 4)));
      Half half;
      __builtin_memcpy(&half, lanes + s * kDoubles, sizeof half);
      const NativeDouble wide = __builtin_convertvector(half, NativeDouble);
      sums[s] += wide * wide;
    }
  }
  double total = 0;
  for (int i = 0; i < kLanes; ++i) total += sums[i / kDoubles][i % kDoubles];
  return total;
}

inline void rmsnorm(const float* x, const float* gain, const float* bias, float eps,
                    std::int64_t columns, std::int64_t groups, float* out) {
  const std::int64_t width = columns / groups;
  for (std::int64_t begin = 0; begin < columns; begin += width) {
    const double mean = sum_of_squares(x + begin, width) / static_cast<double>(width);
    const Floats scale =
        all(static_cast<float>(1.0 / __builtin_sqrt(mean + static_cast<double>(eps))));
    const float* g = gain + begin;
    if (bias == nullptr) {
      map([&](const Floats& a, std::int64_t i,
              std::int64_t n) { return a * scale * load_up_to(g + i, n); },
          x + begin, width, out + begin);
    } else {
      const float* b = bias + begin;
      map([&](const Floats& a, std::int64_t i,
              std::int64_t n) { return a * scale * load_up_to(g + i, n) + load_up_to(b + i, n); },
          x + begin, width, out + begin);
    }
  }
}

// Computes `lanes` neighbouring channels for all tokens; a constant number of conv taps keeps
// inputs and weights in registers.
template <int kTaps>
LIGHTMAMBA_INLINE void conv_taps(const ConvArguments& a, std::int64_t channel) {
  Floats weights[kTaps];
  Floats window[kTaps];
  for (int k = 0; k < kTaps; ++k) weights[k] = load(a.weights + k * a.weight_stride + channel);
  for (int k = 0; k + 1 < kTaps; ++k) window[k] = load(a.input + k * a.input_stride + channel);
  const Floats bias = a.bias == nullptr ? all(0.0F) : load(a.bias + channel);
  const float* next = a.input + (kTaps - 1) * a.input_stride + channel;
  for (std::int64_t t = 0; t < a.tokens; ++t) {
    window[kTaps - 1] = load(next + t * a.input_stride);
    Floats sum = bias;
    for (int k = 0; k < kTaps; ++k) sum = sum + weights[k] * window[k];
    for (int k = 0; k + 1 < kTaps; ++k) window[k] = window[k + 1];
    store(a.out + t * a.out_stride + channel, silu_of(sum));
  }
}

inline void conv_any(const ConvArguments& a, std::int64_t channel) {
  const std::int64_t lanes = a.channels - channel;
  const Floats bias = a.bias == nullptr ? all(0.0F) : load_up_to(a.bias + channel, lanes);
  for (std::int64_t t = 0; t < a.tokens; ++t) {
    Floats sum = bias;
    for (std::int64_t k = 0; k < a.d_conv; ++k) {
      sum = sum + load_up_to(a.weights + k * a.weight_stride + channel, lanes) *
                      load_up_to(a.input + (t + k) * a.input_stride + channel, lanes);
    }
    store_up_to(a.out + t * a.out_stride + channel, silu_of(sum), lanes);
  }
}

inline void conv_silu(const ConvArguments& arguments) {
  for (std::int64_t c = 0; c < arguments.channels; c += kLanes) {
    if (arguments.d_conv == 4 && c + kLanes <= arguments.channels) {
      conv_taps<4>(arguments, c);
    } else {
      conv_any(arguments, c);
    }
  }
}

inline void fill(float* x, std::int64_t count, float value) {
  for (std::int64_t i = 0; i < count; ++i) x[i] = value;
}

inline void round_group(float* x, std::int64_t count) {
  Bits largest = all(0U);
  std::int64_t i = 0;
  for (; i + kLanes <= count; i += kLanes) {
    largest = larger(largest, bits_of(magnitude(load(x + i))));
  }
  if (i < count) {
    largest = larger(largest, bits_of(magnitude(load_up_to(x + i, count - i))));
  }
  const std::uint32_t bits = largest_of(largest);
  if (bits >= kInfinityBits) return fill(x, count, __builtin_nanf(""));
  if (float_from(bits) < kZeroRange && range_of(x, count) < kZeroRange) return fill(x, count, 0);
  const std::uint32_t scale = scale_bits(bits, 8);
  const Floats scales = all(float_from(scale));
  const Floats inverse = all(float_from((254U << 23) - scale));
  map([&](const Floats& a, std::int64_t,
          std::int64_t) { return round_to_even(a * inverse) * scales; },
      x, count, x);
}

inline void round_power_of_two_groups(std::int64_t rows, std::int64_t columns, std::int64_t group,
                                      float* x) {
  for (std::int64_t row = 0; row < rows; ++row) {
    for (std::int64_t begin = 0; begin < columns; begin += group) {
      const std::int64_t left = columns - begin;
      round_group(x + row * columns + begin, left < group ? left : group);
    }
  }
}

inline float round_significand_of(float value, int bits) {
  if (!(value > 0)) return value;
  int exponent = 0;
  const float fraction = __builtin_frexpf(value, &exponent);
  const float above = __builtin_ldexpf(1.0F, fraction == 0.5F ? exponent - 1 : exponent);
  const float step = above / static_cast<float>(1 << bits);
  return step > 0 ? ((value / step + kRounder) - kRounder) * step : value;
}

inline void round_significand(int bits, std::int64_t count, float* x) {
  const auto shift = static_cast<std::uint32_t>(bits) << 23;
  std::int64_t i = 0;
  for (; i + kLanes <= count; i += kLanes) {
    // The range in which neither a step nor its inverse leaves the normal numbers.
    int plain = 0;
    for (int lane = 0; lane < kLanes; ++lane) {
      plain +=
          static_cast<int>(x[i + lane] >= 0x1p-100F) & static_cast<int>(x[i + lane] <= 0x1p98F);
    }
    if (plain < kLanes) {
      for (int lane = 0; lane < kLanes; ++lane) {
        x[i + lane] = round_significand_of(x[i + lane], bits);
      }
      continue;
    }
    const Floats value = load(x + i);
    const Bits step = ((bits_of(value) + all(0x7FFFFFU)) & all(kInfinityBits)) - all(shift);
    const Floats inverse = float_of(all(254U << 23) - step);
    store(x + i, round_to_even(value * inverse) * float_of(step));
  }
  for (; i < count; ++i) x[i] = round_significand_of(x[i], bits);
}

inline constexpr ElementKernels kElementKernels = {
    .exp = exp,
    .silu = silu,
    .softplus = softplus,
    .add = add,
    .gate = gate,
    .rmsnorm = rmsnorm,
    .conv_silu = conv_silu,
    .round_power_of_two_groups = round_power_of_two_groups,
    .round_significand = round_significand,
    .ssm_step = ssm_step,
    .encode_state = encode_state,
    .decode_state = decode_state,
    .hadamard = hadamard,
};

}  // namespace
}  // namespace lightmamba

#include "model/functions.h"

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <limits>

#include "base/threads.h"
#include "base/wide.h"

namespace lightmamba {
namespace {

// Work is split into slices of this many rows or elements, for any number of threads.
constexpr std::int64_t kRows = 16;
constexpr std::int64_t kElements = 16384;
constexpr std::int64_t kWorthASlice = 50'000;  // operations, roughly, at published widths

void for_slices(std::int64_t count, std::int64_t slice,
                const std::function<void(std::int64_t, std::int64_t)>& body) {
  parallel_for((count + slice - 1) / slice, kWorthASlice, [&](std::int64_t index) {
    body(index * slice, std::min(count, (index + 1) * slice));
  });
}

// exp(x) to two units in the last place where that is a normal number. Loops over it vectorise,
// unlike loops over std::exp. With x = n log 2 + r the polynomial for r is that of expf in
// Moshier's Cephes library. The result for NaN is any number.
LIGHTMAMBA_WIDE inline float vector_exp(float any) {
  constexpr float kRounder = 12582912.0F;  // 1.5 * 2^23: beyond it a float has no fraction
  constexpr std::int32_t kSign = std::numeric_limits<std::int32_t>::min();
  // The bits of magnitudes have the order of integers, whose minimum never becomes a branch.
  const auto bits = std::bit_cast<std::int32_t>(any);
  const std::int32_t magnitude = std::min(bits & ~kSign, std::bit_cast<std::int32_t>(104.0F));
  const auto x = std::bit_cast<float>(magnitude | (bits & kSign));
  const float shifted = x * 1.44269504F + kRounder;
  const float n = shifted - kRounder;
  const float r = x - n * 0.693359375F + n * 2.12194440e-4F;
  float series = 1.9875691500e-4F;
  series = series * r + 1.3981999507e-3F;
  series = series * r + 8.3334519073e-3F;
  series = series * r + 4.1665795894e-2F;
  series = series * r + 1.6666665459e-1F;
  series = series * r + 5.0000001201e-1F;
  series = series * r * r + r + 1.0F;
  // Multiplies by 2^n in two steps, so that it overflows and underflows exactly when the result
  // does.
  const std::int32_t exponent =
      std::bit_cast<std::int32_t>(shifted) - std::bit_cast<std::int32_t>(kRounder);
  const std::int32_t half = exponent >> 1;
  return series * std::bit_cast<float>((half + 127) << 23) *
         std::bit_cast<float>((exponent - half + 127) << 23);
}

LIGHTMAMBA_WIDE inline float inline_silu(float x) { return x / (1.0F + vector_exp(-x)); }

// Computes one output row of causal_conv1d_silu() from `input` [taps, channels] and `weights` of
// this shape.
LIGHTMAMBA_WIDE inline void convolve_row(const float* weights, const float* bias,
                                         const float* input, std::int64_t taps,
                                         std::int64_t channels, float* out) {
  if (taps == 4) {  // all published models have 4: each number is then written once
#pragma omp simd
    for (std::int64_t c = 0; c < channels; ++c) {
      float sum = bias[c] + weights[c] * input[c];
      sum += weights[channels + c] * input[channels + c];
      sum += weights[2 * channels + c] * input[2 * channels + c];
      sum += weights[3 * channels + c] * input[3 * channels + c];
      out[c] = inline_silu(sum);
    }
    return;
  }
  std::copy_n(bias, channels, out);
  for (std::int64_t k = 0; k < taps; ++k) {
#pragma omp simd
    for (std::int64_t c = 0; c < channels; ++c) {
      out[c] += weights[k * channels + c] * input[k * channels + c];
    }
  }
#pragma omp simd
  for (std::int64_t c = 0; c < channels; ++c) out[c] = inline_silu(out[c]);
}

}  // namespace

float silu(float x) { return inline_silu(x); }

float softplus(float x) { return std::max(x, 0.0F) + std::log1p(std::exp(-std::abs(x))); }

void rmsnorm(std::span<const float> x, std::span<const float> gain, float eps, std::int64_t groups,
             std::span<float> out) {
  const std::int64_t columns = std::ssize(gain);
  const std::int64_t width = columns / groups;
  for_slices(std::ssize(x) / columns, kRows, [&](std::int64_t begin, std::int64_t end) {
    for (std::int64_t part = begin * groups; part < end * groups; ++part) {
      const float* in = x.data() + part * width;
      const float* g = gain.data() + part % groups * width;
      float* result = out.data() + part * width;
      double sum = 0;
#pragma omp simd safelen(4) reduction(+ : sum)
      for (std::int64_t i = 0; i < width; ++i) sum += static_cast<double>(in[i]) * in[i];
      const auto scale =
          static_cast<float>(1.0 / std::sqrt(sum / static_cast<double>(width) + eps));
      for (std::int64_t i = 0; i < width; ++i) result[i] = in[i] * scale * g[i];
    }
  });
}

void add_bias(std::span<const float> bias, std::span<float> x) {
  if (bias.empty()) return;
  const auto columns = std::ssize(bias);
  for_slices(std::ssize(x) / columns, kRows, [&](std::int64_t begin, std::int64_t end) {
    for (std::int64_t row = begin; row < end; ++row) {
      float* values = x.data() + row * columns;
      for (std::int64_t i = 0; i < columns; ++i) values[i] += bias[static_cast<std::size_t>(i)];
    }
  });
}

void causal_conv1d_silu(const Mamba2Config& config, const LayerWeights& weights,
                        std::span<const float> input, std::span<float> out) {
  const std::int64_t channels = config.conv_dim();
  const std::int64_t taps = config.d_conv;
  AlignedVector<float> by_tap(weights.conv1d.size());  // [d_conv, conv_dim]
  for (std::int64_t k = 0; k < taps; ++k) {
    for (std::int64_t c = 0; c < channels; ++c) {
      by_tap[static_cast<std::size_t>(k * channels + c)] =
          weights.conv1d[static_cast<std::size_t>(c * taps + k)];
    }
  }
  for_slices(std::ssize(out) / channels, kRows, [&](std::int64_t begin, std::int64_t end) {
    with_wide_vectors([&]() LIGHTMAMBA_WIDE {
      for (std::int64_t t = begin; t < end; ++t) {
        convolve_row(by_tap.data(), weights.conv1d_bias.data(), input.data() + t * channels, taps,
                     channels, out.data() + t * channels);
      }
    });
  });
}

void compute_dt(const Mamba2Config& config, const LayerWeights& weights, std::span<float> dt) {
  for (std::size_t i = 0; i < dt.size(); ++i) {
    const std::size_t head = i % static_cast<std::size_t>(config.nheads);
    dt[i] = std::clamp(softplus(dt[i] + weights.dt_bias[head]), config.dt_min, config.dt_max);
  }
}

void compute_decay(const Mamba2Config& config, const LayerWeights& weights,
                   std::span<const float> dt, std::span<float> decay) {
  for (std::size_t i = 0; i < dt.size(); ++i) {
    decay[i] = std::exp(weights.A[i % static_cast<std::size_t>(config.nheads)] * dt[i]);
  }
}

void gate(std::span<const float> z, std::span<float> y) {
  for_slices(std::ssize(y), kElements, [&](std::int64_t begin, std::int64_t end) {
    with_wide_vectors([&]() LIGHTMAMBA_WIDE {
      const float* gates = z.data();
      float* values = y.data();
#pragma omp simd
      for (std::int64_t i = begin; i < end; ++i) values[i] *= inline_silu(gates[i]);
    });
  });
}

}  // namespace lightmamba

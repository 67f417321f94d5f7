#include "model/functions.h"

#include <algorithm>
#include <cmath>
#include <cstddef>

#include "base/threads.h"

namespace lightmamba {
namespace {

// Work is handed out in slices of this many rows or elements, whatever the number of threads.
constexpr std::int64_t kRows = 16;
constexpr std::int64_t kElements = 16384;
constexpr std::int64_t kWorthASlice = 50'000;  // operations, roughly, at published widths

void for_slices(std::int64_t count, std::int64_t slice,
                const std::function<void(std::int64_t, std::int64_t)>& body) {
  parallel_for((count + slice - 1) / slice, kWorthASlice, [&](std::int64_t index) {
    body(index * slice, std::min(count, (index + 1) * slice));
  });
}

}  // namespace

float silu(float x) { return x / (1.0F + std::exp(-x)); }

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
  for_slices(std::ssize(out) / channels, kRows, [&](std::int64_t begin, std::int64_t end) {
    for (std::int64_t t = begin; t < end; ++t) {
      const float* window = input.data() + t * channels;
      for (std::int64_t c = 0; c < channels; ++c) {
        float sum = weights.conv1d_bias[static_cast<std::size_t>(c)];
        for (std::int64_t k = 0; k < taps; ++k) {
          sum += weights.conv1d[static_cast<std::size_t>(c * taps + k)] * window[k * channels + c];
        }
        out[static_cast<std::size_t>(t * channels + c)] = silu(sum);
      }
    }
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
    for (auto i = static_cast<std::size_t>(begin); i < static_cast<std::size_t>(end); ++i) {
      y[i] *= silu(z[i]);
    }
  });
}

}  // namespace lightmamba

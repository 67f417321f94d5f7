#include "quant/calibration.h"

#include <algorithm>
#include <utility>

#include "base/threads.h"
#include "model/functions.h"

namespace lightmamba {
namespace {

constexpr std::int64_t kSampleRows = 256;

// Every so many rows, at most kSampleRows.
AlignedVector<float> sample_rows(std::span<const float> values, std::int64_t columns) {
  const std::int64_t rows = std::ssize(values) / columns;
  const std::int64_t count = std::min(rows, kSampleRows);
  AlignedVector<float> sample;
  for (std::int64_t i = 0; i < count; ++i) {
    const auto row = values.begin() + i * rows / count * columns;
    sample.insert(sample.end(), row, row + columns);
  }
  return sample;
}

}  // namespace

std::vector<TokenId> spread_windows(std::span<const TokenId> tokens, std::int64_t window,
                                    std::int64_t limit) {
  const std::int64_t whole = std::ssize(tokens) / window;
  const std::int64_t wanted = std::max(limit / window, std::int64_t{1});
  if (limit == 0 || wanted >= whole) {
    const auto most =
        limit == 0 ? tokens.size() : std::min(tokens.size(), static_cast<std::size_t>(limit));
    return {tokens.begin(), tokens.begin() + static_cast<std::ptrdiff_t>(most)};
  }
  std::vector<TokenId> chosen;
  for (std::int64_t i = 0; i < wanted; ++i) {
    const auto begin = tokens.begin() + i * whole / wanted * window;
    chosen.insert(chosen.end(), begin, begin + window);
  }
  return chosen;
}

CalibrationStream::CalibrationStream(const Mamba2Config& config, AlignedVector<float> embedded,
                                     std::int64_t window, Taps numerics)
    : config_(config),
      tokens_(std::ssize(embedded) / config.d_model),
      window_(window),
      numerics_(std::move(numerics)),
      residual_(std::move(embedded)) {}

BlockContext CalibrationStream::context() const {
  return {config_, Scan::chunked, 0, &numerics_, nullptr};
}

std::vector<CalibrationStream::Window> CalibrationStream::windows() const {
  std::vector<Window> all;
  for (std::int64_t begin = 0; begin < tokens_; begin += window_) {
    all.push_back({begin, std::min(window_, tokens_ - begin)});
  }
  return all;
}

AlignedVector<float> CalibrationStream::in_proj_inputs(const LayerWeights& weights,
                                                       std::int64_t layer) const {
  BlockBuffers buffers(config_, 0);
  buffers.tokens = tokens_;
  buffers.u.resize(residual_.size());
  block_input(context(), weights, layer, residual_, buffers);
  return std::move(buffers.u);
}

AlignedVector<float> CalibrationStream::out_proj_inputs(
    const LayerWeights& weights, std::int64_t layer, std::span<const float> in_proj_inputs) const {
  AlignedVector<float> outputs(static_cast<std::size_t>(tokens_ * config_.d_inner));
  for (const Window& window : windows()) {
    BlockBuffers buffers(config_, window.tokens);
    AlignedVector<float> conv(static_cast<std::size_t>((config_.d_conv - 1) * config_.conv_dim()));
    AlignedVector<float> ssm(static_cast<std::size_t>(config_.d_inner * config_.d_state));
    std::copy_n(in_proj_inputs.begin() + window.begin * config_.d_model, std::ssize(buffers.u),
                buffers.u.begin());
    block_mixer(context(), weights, layer, {conv, ssm}, buffers);
    std::copy(buffers.y.begin(), buffers.y.end(), outputs.begin() + window.begin * config_.d_inner);
  }
  return outputs;
}

void CalibrationStream::advance(const LayerWeights& weights, std::int64_t layer,
                                std::span<const float> out_proj_inputs) {
  for (const Window& window : windows()) {
    BlockBuffers buffers(config_, window.tokens);
    std::copy_n(out_proj_inputs.begin() + window.begin * config_.d_inner, std::ssize(buffers.y),
                buffers.y.begin());
    block_output(context(), weights, layer,
                 std::span(residual_).subspan(
                     static_cast<std::size_t>(window.begin * config_.d_model), buffers.u.size()),
                 buffers);
  }
}

AlignedVector<float> CalibrationStream::head_inputs(std::span<const float> norm_f) const {
  AlignedVector<float> inputs(residual_.size());
  rmsnorm(residual_, norm_f, config_.norm_eps, 1, inputs);
  return inputs;
}

SiteStatistics site_statistics(std::span<const float> values, std::int64_t columns) {
  const auto width = static_cast<std::size_t>(columns);
  SiteStatistics seen;
  seen.low.assign(values.begin(), values.begin() + columns);
  seen.high = seen.low;
  for (std::size_t begin = 0; begin < values.size(); begin += width) {
    for (std::size_t i = 0; i < width; ++i) {
      seen.low[i] = std::min(seen.low[i], values[begin + i]);
      seen.high[i] = std::max(seen.high[i], values[begin + i]);
    }
  }
  seen.sample = sample_rows(values, columns);
  return seen;
}

float mse_clip(const Quantizer& quantizer, std::span<const float> values, std::int64_t columns) {
  constexpr int kSteps = 24;
  const float step = quantizer.bits <= 4 ? 0.015F : 0.005F;
  const AlignedVector<float> sample = sample_rows(values, columns);
  float best_clip = 1.0F;
  double best_error = -1;
  for (int i = 0; i <= kSteps; ++i) {
    Quantizer candidate = quantizer;
    candidate.clip = 1.0F - step * static_cast<float>(i);
    AlignedVector<float> rounded = sample;
    fake_quantize(candidate, columns, rounded);
    double error = 0;
    for (std::size_t j = 0; j < sample.size(); ++j) {
      const auto difference = static_cast<double>(rounded[j]) - static_cast<double>(sample[j]);
      error += difference * difference;
    }
    if (best_error < 0 || error < best_error) {
      best_error = error;
      best_clip = candidate.clip;
    }
  }
  return best_clip;
}

}  // namespace lightmamba

#include "quant/calibration.h"

#include <algorithm>
#include <memory>
#include <mutex>
#include <unordered_map>
#include <utility>

#include "base/threads.h"
#include "model/functions.h"
#include "model/matrix.h"

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
    const auto max =
        limit == 0 ? tokens.size() : std::min(tokens.size(), static_cast<std::size_t>(limit));
    return {tokens.begin(), tokens.begin() + static_cast<std::ptrdiff_t>(max)};
  }
  std::vector<TokenId> chosen;
  for (std::int64_t i = 0; i < wanted; ++i) {
    const auto begin = tokens.begin() + i * whole / wanted * window;
    chosen.insert(chosen.end(), begin, begin + window);
  }
  return chosen;
}

Vocabulary::Vocabulary(std::span<const TokenId> text) {
  std::unordered_map<TokenId, std::int64_t> known;
  for (const TokenId token : text) {
    const auto [entry, is_new] = known.try_emplace(token, std::ssize(words));
    if (is_new) {
      words.push_back(token);
      first.push_back(std::ssize(indices));
    }
    indices.push_back(entry->second);
  }
}

CalibrationStream::CalibrationStream(const Mamba2Config& config, const Vocabulary& vocabulary,
                                     std::span<const float> embedded, std::int64_t window,
                                     Taps numerics)
    : config_(config),
      tokens_(std::ssize(vocabulary.indices)),
      window_(window),
      numerics_(std::move(numerics)),
      vocabulary_(vocabulary) {
  residual_.reserve(static_cast<std::size_t>(tokens_ * config.d_model));
  for (const std::int64_t index : vocabulary.indices) {
    const auto row = embedded.begin() + index * config.d_model;
    residual_.insert(residual_.end(), row, row + config.d_model);
  }
}

BlockContext CalibrationStream::context() const {
  return {config_, Scan::chunked, 0, &numerics_, nullptr, Split::none};
}

// What a window needs on its way through a block.
struct CalibrationStream::Scratch {
  Scratch(const Mamba2Config& config, std::int64_t tokens)
      : buffers(config, tokens),
        conv(static_cast<std::size_t>((config.d_conv - 1) * config.conv_dim())),
        ssm(static_cast<std::size_t>(config.d_inner * config.d_state)) {}

  BlockBuffers buffers;
  AlignedVector<float> conv;
  AlignedVector<float> ssm;
};

// The memory of a window serves those after it: fresh pages cost more than what is done with them.
void CalibrationStream::for_windows(
    const std::function<void(const Window&, Scratch&)>& body) const {
  std::mutex mutex;
  std::vector<std::unique_ptr<Scratch>> idle;
  const auto take = [&]() -> std::unique_ptr<Scratch> {
    const std::lock_guard lock(mutex);
    if (idle.empty()) return nullptr;
    auto scratch = std::move(idle.back());
    idle.pop_back();
    return scratch;
  };
  parallel_for_large((tokens_ + window_ - 1) / window_, [&](std::int64_t index) {
    const Window window{index * window_, std::min(window_, tokens_ - index * window_)};
    std::unique_ptr<Scratch> scratch = take();
    if (!scratch || scratch->buffers.tokens != window.tokens) {
      scratch = std::make_unique<Scratch>(config_, window.tokens);
    }
    body(window, *scratch);
    const std::lock_guard lock(mutex);
    idle.push_back(std::move(scratch));
  });
}

std::span<float> CalibrationStream::residual_of(const Window& window) {
  return std::span(residual_).subspan(static_cast<std::size_t>(window.begin * config_.d_model),
                                      static_cast<std::size_t>(window.tokens * config_.d_model));
}

AlignedVector<float> CalibrationStream::in_proj_inputs(const LayerWeights& weights,
                                                       std::int64_t layer) const {
  BlockBuffers buffers(config_, 0);
  buffers.tokens = tokens_;
  buffers.u.resize(residual_.size());
  block_input(context(), weights, layer, residual_, buffers);
  return std::move(buffers.u);
}

// The outputs of in_proj for each word [words, d_in_proj]; nothing where tokens differ by what came
// before them, or few are the same.
AlignedVector<float> CalibrationStream::project_words(const LayerWeights& weights,
                                                      std::span<const float> in_proj_inputs) const {
  constexpr std::int64_t kRows = 512;
  const std::int64_t words = std::ssize(vocabulary_.words);
  if (!first_layer_ || words * 2 > tokens_) return {};
  const std::int64_t width = config_.d_in_proj();
  AlignedVector<float> projected(static_cast<std::size_t>(words * width));
  parallel_for_large((words + kRows - 1) / kRows, [&](std::int64_t task) {
    const std::int64_t begin = task * kRows;
    const std::int64_t end = std::min(words, begin + kRows);
    AlignedVector<float> inputs;
    for (std::int64_t word = begin; word < end; ++word) {
      const auto row = in_proj_inputs.begin() +
                       vocabulary_.first[static_cast<std::size_t>(word)] * config_.d_model;
      inputs.insert(inputs.end(), row, row + config_.d_model);
    }
    const std::span out = std::span(projected).subspan(
        static_cast<std::size_t>(begin * width), static_cast<std::size_t>((end - begin) * width));
    linear(weights.in_proj, end - begin, inputs, out);
    add_bias(weights.in_proj_bias, out);
  });
  return projected;
}

// What block_projection() leaves, from rows of z | x | B | C | dt.
void CalibrationStream::spread_words(std::span<const float> projected, const Window& window,
                                     BlockBuffers& buffers) const {
  const std::int64_t channels = config_.conv_dim();
  for (std::int64_t t = 0; t < window.tokens; ++t) {
    const std::int64_t word = vocabulary_.indices[static_cast<std::size_t>(window.begin + t)];
    const float* row = projected.data() + word * config_.d_in_proj();
    const float* conv = row + config_.d_inner;
    std::copy_n(row, config_.d_inner, buffers.z.data() + t * config_.d_inner);
    std::copy_n(conv, channels, buffers.conv_input.data() + (config_.d_conv - 1 + t) * channels);
    std::copy_n(conv + channels, config_.nheads, buffers.dt.data() + t * config_.nheads);
  }
}

void CalibrationStream::mix(const LayerWeights& weights, std::int64_t layer,
                            std::span<const float> in_proj_inputs,
                            const std::function<void(const Window&, BlockBuffers&)>& body) const {
  const AlignedVector<float> projected = project_words(weights, in_proj_inputs);
  for_windows([&](const Window& window, Scratch& scratch) {
    BlockBuffers& buffers = scratch.buffers;
    if (projected.empty()) {
      std::copy_n(in_proj_inputs.begin() + window.begin * config_.d_model, std::ssize(buffers.u),
                  buffers.u.begin());
      block_projection(context(), weights, buffers);
    } else {
      spread_words(projected, window, buffers);
    }
    std::fill(scratch.conv.begin(), scratch.conv.end(), 0.0F);
    std::fill(scratch.ssm.begin(), scratch.ssm.end(), 0.0F);
    block_mixer(context(), weights, layer, {scratch.conv, scratch.ssm}, buffers);
    body(window, buffers);
  });
}

AlignedVector<float> CalibrationStream::gated(const LayerWeights& weights, std::int64_t layer,
                                              std::span<const float> in_proj_inputs) const {
  AlignedVector<float> outputs(static_cast<std::size_t>(tokens_ * config_.d_inner));
  mix(weights, layer, in_proj_inputs, [&](const Window& window, const BlockBuffers& buffers) {
    std::copy(buffers.y.begin(), buffers.y.end(), outputs.begin() + window.begin * config_.d_inner);
  });
  return outputs;
}

AlignedVector<float> CalibrationStream::out_proj_inputs(const LayerWeights& weights,
                                                        std::int64_t layer,
                                                        AlignedVector<float> gated) const {
  block_gated_norm(context(), weights, layer, gated, gated);
  return gated;
}

void CalibrationStream::advance(const LayerWeights& weights, std::int64_t layer,
                                std::span<const float> out_proj_inputs) {
  for_windows([&](const Window& window, Scratch& scratch) {
    BlockBuffers& buffers = scratch.buffers;
    std::copy_n(out_proj_inputs.begin() + window.begin * config_.d_inner, std::ssize(buffers.y),
                buffers.y.begin());
    block_output(context(), weights, layer, residual_of(window), buffers);
  });
  first_layer_ = false;
}

void CalibrationStream::advance_from_in_proj(const LayerWeights& weights, std::int64_t layer,
                                             std::span<const float> in_proj_inputs) {
  mix(weights, layer, in_proj_inputs, [&](const Window& window, BlockBuffers& buffers) {
    block_gated_norm(context(), weights, layer, buffers.y, buffers.y);
    block_output(context(), weights, layer, residual_of(window), buffers);
  });
  first_layer_ = false;
}

void CalibrationStream::advance_to(std::span<const float> residual) {
  residual_.assign(residual.begin(), residual.end());
  first_layer_ = false;
}

void CalibrationStream::thin(AlignedVector<float>& rows, std::int64_t columns) {
  rows = sample_rows(rows, columns);
  residual_ = sample_rows(residual_, config_.d_model);
  tokens_ = std::ssize(residual_) / config_.d_model;
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

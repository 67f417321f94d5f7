#include "model/forward.h"

#include <algorithm>

#include "base/buffer.h"
#include "base/fail.h"
#include "model/functions.h"

namespace lightmamba {
namespace {

// The number of tokens that pass through the network together: enough that each read of a weight
// serves many, few enough that the activations stay small.
constexpr std::int64_t kSegment = 512;
// The number of rows of logits held at once; it is bounded since the vocabulary is large.
constexpr std::int64_t kLogitRows = 64;
constexpr std::int64_t kLogits = std::int64_t{16} << 20;
// 18 digits, as many as a saved state may have: so many that no sequence goes on to an overflow.
constexpr std::int64_t kLargestPosition = 999'999'999'999'999'999;

using Buffer = AlignedVector<float>;

// One segment of a sequence on its way through the layers.
class Segment {
 public:
  Segment(const Weights& weights, State& state, std::span<const TokenId> tokens, Scan scan,
          const Taps* taps)
      : weights_(weights),
        config_(weights.config),
        state_(state),
        tokens_(std::ssize(tokens)),
        context_{config_, scan, state.position, &weights.numerics, taps},
        residual_(static_cast<std::size_t>(tokens_ * config_.d_model)) {
    const auto d_model = static_cast<std::size_t>(config_.d_model);
    for (std::size_t t = 0; t < tokens.size(); ++t) {
      weights_.embedding.row_to_float(tokens[t],
                                      std::span(residual_).subspan(t * d_model, d_model));
    }
    context_.tap(Tap::embedding, -1, residual_, config_.d_model);
  }

  void run_layers() {
    BlockBuffers buffers(config_, tokens_);
    for (std::int64_t layer = 0; layer < config_.n_layer; ++layer) {
      forward_block(context_, weights_.layers[static_cast<std::size_t>(layer)], layer,
                    layer_state(config_, layer, state_.conv, state_.ssm), residual_, buffers);
    }
    state_.position += tokens_;
  }

  void emit_logits(LogitsFor wanted, std::int64_t first_index, const LogitsFn& emit) {
    const std::int64_t first = wanted == LogitsFor::all ? 0 : tokens_ - 1;
    const std::int64_t max = std::clamp(kLogits / config_.vocab_size, std::int64_t{1}, kLogitRows);
    for (std::int64_t begin = first; begin < tokens_; begin += max) {
      const std::int64_t rows = std::min(max, tokens_ - begin);
      const auto vocab = static_cast<std::size_t>(config_.vocab_size);
      Buffer hidden(residual_.begin() + begin * config_.d_model,
                    residual_.begin() + (begin + rows) * config_.d_model);
      rmsnorm(hidden, weights_.norm_f, config_.norm_eps, 1, hidden);
      context_.tap(Tap::head_input, -1, hidden, config_.d_model, begin);
      Buffer logits(static_cast<std::size_t>(rows) * vocab);
      linear(weights_.head, rows, hidden, logits);
      context_.tap(Tap::logits, -1, logits, config_.vocab_size, begin);
      for (std::int64_t row = 0; row < rows; ++row) {
        emit(first_index + begin + row,
             std::span(logits).subspan(static_cast<std::size_t>(row) * vocab, vocab));
      }
    }
  }

 private:
  const Weights& weights_;
  const Mamba2Config& config_;
  State& state_;
  std::int64_t tokens_;
  BlockContext context_;
  Buffer residual_;  // [tokens, d_model]
};

}  // namespace

void check_state(const Mamba2Config& config, const State& state) {
  const std::int64_t conv = config.conv_state_elements();
  if (std::ssize(state.conv) != conv || std::ssize(state.ssm) != config.state_elements()) {
    fail("the state has {} + {} numbers, but this model's has {} + {}", state.conv.size(),
         state.ssm.size(), conv, config.state_elements());
  }
  if (state.position < 0 || state.position > kLargestPosition) {
    fail("the state has the position {}, expected 0 to {}", state.position, kLargestPosition);
  }
}

void check_tokens(const Mamba2Config& config, std::span<const TokenId> tokens) {
  for (const TokenId id : tokens) {
    if (id < 0 || id >= config.vocab_size) {
      fail("token id {} is outside the vocabulary of {}", id, config.vocab_size);
    }
  }
}

void check_logits(const Mamba2Config& config, std::span<const float> logits) {
  if (!logits.empty() && std::ssize(logits) != config.vocab_size) {
    fail("room for {} logits, but the vocabulary has {}", logits.size(), config.vocab_size);
  }
}

void forward(const Weights& weights, State& state, std::span<const TokenId> tokens, Scan scan,
             LogitsFor wanted, const LogitsFn& logits, const Taps* taps,
             const std::stop_token& stop) {
  check_state(weights.config, state);
  check_tokens(weights.config, tokens);
  const std::int64_t total = std::ssize(tokens);
  for (std::int64_t begin = 0; begin < total; begin += kSegment) {
    throw_if_stopped(stop);
    const std::int64_t count = std::min(kSegment, total - begin);
    Segment segment(
        weights, state,
        tokens.subspan(static_cast<std::size_t>(begin), static_cast<std::size_t>(count)), scan,
        taps);
    segment.run_layers();
    const bool last = begin + count == total;
    if (wanted == LogitsFor::all || (wanted == LogitsFor::last && last)) {
      segment.emit_logits(wanted, begin, logits);
    }
  }
}

}  // namespace lightmamba

#include "model/forward.h"

#include <algorithm>

#include "base/buffer.h"
#include "base/fail.h"
#include "model/functions.h"
#include "model/ssm.h"

namespace lightmamba {
namespace {

// Tokens that pass through the network together: enough that each weight read serves many, few
// enough that the activations stay small.
constexpr std::int64_t kSegment = 512;
// Rows of logits held at once, and their numbers, since the vocabulary is wide.
constexpr std::int64_t kLogitRows = 64;
constexpr std::int64_t kLogits = std::int64_t{16} << 20;

using Buffer = AlignedVector<float>;

// One segment of a sequence on its way through the layers.
class Segment {
 public:
  Segment(const Weights& weights, State& state, std::span<const TokenId> tokens, Scan scan,
          const Taps* taps)
      : weights_(weights),
        config_(weights.config),
        state_(state),
        first_position_(state.position),
        tokens_(std::ssize(tokens)),
        recurrent_(scan == Scan::recurrent || (taps != nullptr && taps->has(Tap::state))),
        taps_(taps),
        residual_(elements(config_.d_model)),
        u_(elements(config_.d_model)),
        z_(elements(config_.d_inner)),
        conv_input_(conv_history() + elements(config_.conv_dim())),
        xbc_(elements(config_.conv_dim())),
        dt_(elements(config_.nheads)),
        decay_(elements(config_.nheads)),
        y_(elements(config_.d_inner)) {
    const auto d_model = static_cast<std::size_t>(config_.d_model);
    for (std::size_t t = 0; t < tokens.size(); ++t) {
      weights_.embedding.row_to_float(tokens[t],
                                      std::span(residual_).subspan(t * d_model, d_model));
    }
    tap(Tap::embedding, -1, residual_);
  }

  void run_layers() {
    for (std::int64_t layer = 0; layer < config_.n_layer; ++layer) run_block(layer);
    state_.position += tokens_;
  }

  void emit_logits(LogitsFor wanted, std::int64_t first_index, const LogitsFn& emit) {
    const std::int64_t first = wanted == LogitsFor::all ? 0 : tokens_ - 1;
    const std::int64_t most = std::clamp(kLogits / config_.vocab_size, std::int64_t{1}, kLogitRows);
    for (std::int64_t begin = first; begin < tokens_; begin += most) {
      const std::int64_t rows = std::min(most, tokens_ - begin);
      const auto d_model = static_cast<std::size_t>(config_.d_model);
      const auto vocab = static_cast<std::size_t>(config_.vocab_size);
      Buffer hidden(residual_.begin() + begin * config_.d_model,
                    residual_.begin() + (begin + rows) * config_.d_model);
      rmsnorm(hidden, weights_.norm_f, config_.norm_eps, 1, hidden);
      tap(Tap::head_input, -1, hidden, begin, d_model);
      Buffer logits(static_cast<std::size_t>(rows) * vocab);
      linear(weights_.head, rows, hidden, logits);
      tap(Tap::logits, -1, logits, begin, vocab);
      for (std::int64_t row = 0; row < rows; ++row) {
        emit(first_index + begin + row,
             std::span(logits).subspan(static_cast<std::size_t>(row) * vocab, vocab));
      }
    }
  }

 private:
  std::size_t elements(std::int64_t columns) const {
    return static_cast<std::size_t>(tokens_ * columns);
  }
  std::size_t conv_history() const {
    return static_cast<std::size_t>(config_.conv_state_elements() / config_.n_layer);
  }

  void run_block(std::int64_t layer) {
    const LayerWeights& w = weights_.layers[static_cast<std::size_t>(layer)];
    rmsnorm(residual_, w.norm, config_.norm_eps, 1, u_);
    tap(Tap::in_proj_input, layer, u_);

    const std::int64_t x_begin = config_.d_inner;
    const std::int64_t dt_begin = x_begin + config_.conv_dim();
    const std::span conv_rows = std::span(conv_input_).subspan(conv_history());
    linear(w.in_proj.row_range(0, x_begin), tokens_, u_, z_);
    linear(w.in_proj.row_range(x_begin, dt_begin), tokens_, u_, conv_rows);
    linear(w.in_proj.row_range(dt_begin, config_.d_in_proj()), tokens_, u_, dt_);
    tap(Tap::z, layer, z_);
    tap(Tap::conv_input, layer, conv_rows);

    convolve(w, layer);
    tap(Tap::conv_output, layer, xbc_);
    compute_dt(config_, w, dt_);
    tap(Tap::dt, layer, dt_);
    compute_decay(config_, w, dt_, decay_);
    tap(Tap::decay, layer, decay_);

    run_ssm(w, layer);
    tap(Tap::ssm_output, layer, y_);
    gate(z_, y_);
    tap(Tap::gated, layer, y_);
    rmsnorm(y_, w.gated_norm, config_.norm_eps, config_.ngroups, y_);
    tap(Tap::out_proj_input, layer, y_);

    linear(w.out_proj, tokens_, y_, u_);
    tap(Tap::out_proj_output, layer, u_);
    for (std::size_t i = 0; i < residual_.size(); ++i) residual_[i] += u_[i];
    tap(Tap::residual, layer, residual_);
  }

  // Puts the rows before the segment in front, and keeps its last rows for the next.
  void convolve(const LayerWeights& w, std::int64_t layer) {
    const std::size_t history = conv_history();
    const std::span kept =
        std::span(state_.conv).subspan(static_cast<std::size_t>(layer) * history, history);
    std::copy(kept.begin(), kept.end(), conv_input_.begin());
    causal_conv1d_silu(config_, w, conv_input_, xbc_);
    std::copy(conv_input_.end() - static_cast<std::ptrdiff_t>(history), conv_input_.end(),
              kept.begin());
  }

  void run_ssm(const LayerWeights& w, std::int64_t layer) {
    const auto size = static_cast<std::size_t>(config_.state_elements() / config_.n_layer);
    const std::span state =
        std::span(state_.ssm).subspan(static_cast<std::size_t>(layer) * size, size);
    const SsmInputs inputs{tokens_, xbc_.data(), dt_.data(), decay_.data(), w.D.data()};
    if (!recurrent_) return ssm_chunked(config_, inputs, state, y_);
    const auto d_inner = static_cast<std::size_t>(config_.d_inner);
    for (std::int64_t t = 0; t < tokens_; ++t) {
      ssm_step(config_, inputs.token(config_, t), state,
               std::span(y_).subspan(static_cast<std::size_t>(t) * d_inner, d_inner));
      tap(Tap::state, layer, state, t, size / static_cast<std::size_t>(config_.nheads));
    }
  }

  void tap(Tap point, std::int64_t layer, std::span<float> data, std::int64_t offset = 0,
           std::size_t columns = 0) const {
    if (taps_ == nullptr || !taps_->has(point)) return;
    const auto width =
        columns > 0 ? static_cast<std::int64_t>(columns) : std::ssize(data) / tokens_;
    taps_->call({.tap = point,
                 .layer = layer,
                 .first_position = first_position_ + offset,
                 .rows = std::ssize(data) / width,
                 .columns = width,
                 .data = data});
  }

  const Weights& weights_;
  const Mamba2Config& config_;
  State& state_;
  std::int64_t first_position_;
  std::int64_t tokens_;
  bool recurrent_;
  const Taps* taps_;
  // [tokens, ...]; names as in design: residual stream, block input, gate, conv, SSM.
  Buffer residual_;
  Buffer u_;
  Buffer z_;
  Buffer conv_input_;  // d_conv - 1 rows of history in front
  Buffer xbc_;
  Buffer dt_;
  Buffer decay_;
  Buffer y_;
};

void check_state(const Mamba2Config& config, const State& state) {
  const std::int64_t conv = config.conv_state_elements();
  if (std::ssize(state.conv) != conv || std::ssize(state.ssm) != config.state_elements()) {
    fail("the state has {} + {} numbers, but this model's has {} + {}", state.conv.size(),
         state.ssm.size(), conv, config.state_elements());
  }
}

}  // namespace

void forward(const Weights& weights, State& state, std::span<const TokenId> tokens, Scan scan,
             LogitsFor wanted, const LogitsFn& logits, const Taps* taps) {
  check_state(weights.config, state);
  for (const TokenId id : tokens) {
    if (id < 0 || id >= weights.config.vocab_size) {
      fail("token id {} is outside the vocabulary of {}", id, weights.config.vocab_size);
    }
  }
  const std::int64_t total = std::ssize(tokens);
  for (std::int64_t begin = 0; begin < total; begin += kSegment) {
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

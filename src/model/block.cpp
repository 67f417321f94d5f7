#include "model/block.h"

#include <algorithm>

#include "model/functions.h"
#include "model/ssm.h"

namespace lightmamba {
namespace {

class Block {
 public:
  Block(const BlockContext& context, const LayerWeights& weights, std::int64_t layer,
        const LayerState& state, std::span<float> residual, BlockBuffers& buffers)
      : context_(context),
        config_(context.config),
        w_(weights),
        layer_(layer),
        state_(state),
        residual_(residual),
        b_(buffers) {}

  void run() {
    rmsnorm(residual_, w_.norm, config_.norm_eps, 1, b_.u);
    add_bias(w_.norm_bias, b_.u);
    tap(Tap::in_proj_input, b_.u, config_.d_model);
    project_in();
    convolve();
    compute_dt(config_, w_, b_.dt);
    tap(Tap::dt, b_.dt, config_.nheads);
    compute_decay(config_, w_, b_.dt, b_.decay);
    tap(Tap::decay, b_.decay, config_.nheads);

    run_ssm();
    tap(Tap::ssm_output, b_.y, config_.d_inner);
    gate(b_.z, b_.y);
    tap(Tap::gated, b_.y, config_.d_inner);
    rmsnorm(b_.y, w_.gated_norm, config_.norm_eps, config_.ngroups, b_.y);
    add_bias(w_.gated_norm_bias, b_.y);
    tap(Tap::out_proj_input, b_.y, config_.d_inner);

    linear(w_.out_proj, b_.tokens, b_.y, b_.u);
    add_bias(w_.out_proj_bias, b_.u);
    tap(Tap::out_proj_output, b_.u, config_.d_model);
    for (std::size_t i = 0; i < residual_.size(); ++i) residual_[i] += b_.u[i];
    tap(Tap::residual, residual_, config_.d_model);
  }

 private:
  void tap(Tap point, std::span<float> data, std::int64_t columns, std::int64_t offset = 0) const {
    context_.tap(point, layer_, data, columns, offset);
  }

  void project_in() {
    const std::int64_t x_begin = config_.d_inner;
    const std::int64_t dt_begin = x_begin + config_.conv_dim();
    const auto part = [&](std::int64_t begin, std::int64_t end, std::span<float> out) {
      linear(w_.in_proj.row_range(begin, end), b_.tokens, b_.u, out);
      if (w_.in_proj_bias.empty()) return;
      add_bias(std::span(w_.in_proj_bias)
                   .subspan(static_cast<std::size_t>(begin), static_cast<std::size_t>(end - begin)),
               out);
    };
    const std::span conv_rows = std::span(b_.conv_input).subspan(state_.conv.size());
    part(0, x_begin, b_.z);
    part(x_begin, dt_begin, conv_rows);
    part(dt_begin, config_.d_in_proj(), b_.dt);
    tap(Tap::z, b_.z, config_.d_inner);
    tap(Tap::conv_input, conv_rows, config_.conv_dim());
  }

  // Puts the rows before the run in front, and keeps its last rows for the next.
  void convolve() {
    std::copy(state_.conv.begin(), state_.conv.end(), b_.conv_input.begin());
    causal_conv1d_silu(config_, w_, b_.conv_input, b_.xbc);
    std::copy(b_.conv_input.end() - std::ssize(state_.conv), b_.conv_input.end(),
              state_.conv.begin());
    tap(Tap::conv_output, b_.xbc, config_.conv_dim());
  }

  void run_ssm() {
    const SsmInputs inputs{b_.tokens, b_.xbc.data(), b_.dt.data(), b_.decay.data(), w_.D.data()};
    if (context_.scan == Scan::chunked && !context_.has(Tap::state)) {
      return ssm_chunked(config_, inputs, state_.ssm, b_.y);
    }
    const auto d_inner = static_cast<std::size_t>(config_.d_inner);
    for (std::int64_t t = 0; t < b_.tokens; ++t) {
      ssm_step(config_, inputs.token(config_, t), state_.ssm,
               std::span(b_.y).subspan(static_cast<std::size_t>(t) * d_inner, d_inner));
      tap(Tap::state, state_.ssm, config_.headdim * config_.d_state, t);
    }
  }

  const BlockContext& context_;
  const Mamba2Config& config_;
  const LayerWeights& w_;
  std::int64_t layer_;
  LayerState state_;
  std::span<float> residual_;
  BlockBuffers& b_;
};

std::size_t elements(std::int64_t tokens, std::int64_t columns) {
  return static_cast<std::size_t>(tokens * columns);
}

}  // namespace

void BlockContext::tap(Tap tap, std::int64_t layer, std::span<float> data, std::int64_t columns,
                       std::int64_t offset) const {
  if (!has(tap)) return;
  const TapValue value{.tap = tap,
                       .layer = layer,
                       .first_position = first_position + offset,
                       .rows = std::ssize(data) / columns,
                       .columns = columns,
                       .data = data};
  if (numerics != nullptr) numerics->call(value);
  if (taps != nullptr) taps->call(value);
}

LayerState layer_state(const Mamba2Config& config, std::int64_t layer, std::span<float> conv,
                       std::span<float> ssm) {
  const auto part = [&](std::span<float> all, std::int64_t total) {
    const auto size = static_cast<std::size_t>(total / config.n_layer);
    return all.subspan(static_cast<std::size_t>(layer) * size, size);
  };
  return {part(conv, config.conv_state_elements()), part(ssm, config.state_elements())};
}

BlockBuffers::BlockBuffers(const Mamba2Config& config, std::int64_t count)
    : tokens(count),
      u(elements(count, config.d_model)),
      z(elements(count, config.d_inner)),
      conv_input(elements(count + config.d_conv - 1, config.conv_dim())),
      xbc(elements(count, config.conv_dim())),
      dt(elements(count, config.nheads)),
      decay(elements(count, config.nheads)),
      y(elements(count, config.d_inner)) {}

void forward_block(const BlockContext& context, const LayerWeights& weights, std::int64_t layer,
                   const LayerState& state, std::span<float> residual, BlockBuffers& buffers) {
  Block(context, weights, layer, state, residual, buffers).run();
}

}  // namespace lightmamba

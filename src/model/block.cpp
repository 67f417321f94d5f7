#include "model/block.h"

#include <algorithm>

#include "model/functions.h"
#include "model/ssm.h"

namespace lightmamba {
namespace {

// The taps of one layer.
class LayerTaps {
 public:
  LayerTaps(const BlockContext& context, std::int64_t layer) : context_(context), layer_(layer) {}
  void operator()(Tap point, std::span<float> data, std::int64_t columns,
                  std::int64_t offset = 0) const {
    context_.tap(point, layer_, data, columns, offset);
  }

 private:
  const BlockContext& context_;
  std::int64_t layer_;
};

// Returns the rows of the run, which follow those that the conv keeps from before.
std::span<float> conv_rows(const Mamba2Config& config, BlockBuffers& b) {
  return std::span(b.conv_input)
      .subspan(static_cast<std::size_t>((config.d_conv - 1) * config.conv_dim()));
}

// Puts the rows before the run in front of it, and keeps its last rows for the next run.
void convolve(const Mamba2Config& config, const LayerWeights& w, std::span<float> kept,
              BlockBuffers& b) {
  std::copy(kept.begin(), kept.end(), b.conv_input.begin());
  causal_conv1d_silu(config, w, b.conv_input, b.xbc);
  std::copy(b.conv_input.end() - std::ssize(kept), b.conv_input.end(), kept.begin());
}

void run_ssm(const BlockContext& context, const LayerWeights& w, const LayerTaps& tap,
             std::span<float> state, BlockBuffers& b) {
  const Mamba2Config& config = context.config;
  const SsmInputs inputs{b.tokens, b.xbc.data(), b.dt.data(), b.decay.data(), w.D.data()};
  if (context.scan == Scan::chunked && !context.has(Tap::state)) {
    return ssm_chunked(config, inputs, state, b.y);
  }
  const auto d_inner = static_cast<std::size_t>(config.d_inner);
  for (std::int64_t t = 0; t < b.tokens; ++t) {
    ssm_step(config, inputs.token(config, t), state,
             std::span(b.y).subspan(static_cast<std::size_t>(t) * d_inner, d_inner));
    tap(Tap::state, state, config.headdim * config.d_state, t);
  }
}

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

void block_input(const BlockContext& context, const LayerWeights& w, std::int64_t layer,
                 std::span<const float> residual, BlockBuffers& b) {
  rmsnorm(residual, w.norm, context.config.norm_eps, 1, b.u);
  add_bias(w.norm_bias, b.u);
  context.tap(Tap::in_proj_input, layer, b.u, context.config.d_model);
}

void block_projection(const BlockContext& context, const LayerWeights& w, BlockBuffers& b) {
  const Mamba2Config& config = context.config;
  const std::int64_t x_begin = config.d_inner;
  const std::int64_t dt_begin = x_begin + config.conv_dim();
  const auto part = [&](std::int64_t begin, std::int64_t end, std::span<float> out) {
    linear(w.in_proj.row_range(begin, end), b.tokens, b.u, out, context.split);
    if (w.in_proj_bias.empty()) return;
    add_bias(std::span(w.in_proj_bias)
                 .subspan(static_cast<std::size_t>(begin), static_cast<std::size_t>(end - begin)),
             out);
  };
  part(0, x_begin, b.z);
  part(x_begin, dt_begin, conv_rows(config, b));
  part(dt_begin, config.d_in_proj(), b.dt);
}

void block_mixer(const BlockContext& context, const LayerWeights& w, std::int64_t layer,
                 const LayerState& state, BlockBuffers& b) {
  const Mamba2Config& config = context.config;
  const LayerTaps tap(context, layer);
  tap(Tap::z, b.z, config.d_inner);
  tap(Tap::conv_input, conv_rows(config, b), config.conv_dim());
  convolve(config, w, state.conv, b);
  tap(Tap::conv_output, b.xbc, config.conv_dim());
  compute_dt(config, w, b.dt);
  tap(Tap::dt, b.dt, config.nheads);
  compute_decay(config, w, b.dt, b.decay);
  tap(Tap::decay, b.decay, config.nheads);

  run_ssm(context, w, tap, state.ssm, b);
  tap(Tap::ssm_output, b.y, config.d_inner);
  gate(b.z, b.y);
  tap(Tap::gated, b.y, config.d_inner);
}

void block_gated_norm(const BlockContext& context, const LayerWeights& w, std::int64_t layer,
                      std::span<const float> gated, std::span<float> out) {
  const Mamba2Config& config = context.config;
  rmsnorm(gated, w.gated_norm, config.norm_eps, config.ngroups, out);
  add_bias(w.gated_norm_bias, out);
  context.tap(Tap::out_proj_input, layer, out, config.d_inner);
}

void block_output(const BlockContext& context, const LayerWeights& w, std::int64_t layer,
                  std::span<float> residual, BlockBuffers& b) {
  linear(w.out_proj, b.tokens, b.y, b.u, context.split);
  add_bias(w.out_proj_bias, b.u);
  context.tap(Tap::out_proj_output, layer, b.u, context.config.d_model);
  for (std::size_t i = 0; i < residual.size(); ++i) residual[i] += b.u[i];
  context.tap(Tap::residual, layer, residual, context.config.d_model);
}

void forward_block(const BlockContext& context, const LayerWeights& weights, std::int64_t layer,
                   const LayerState& state, std::span<float> residual, BlockBuffers& buffers) {
  block_input(context, weights, layer, residual, buffers);
  block_projection(context, weights, buffers);
  block_mixer(context, weights, layer, state, buffers);
  block_gated_norm(context, weights, layer, buffers.y, buffers.y);
  block_output(context, weights, layer, residual, buffers);
}

}  // namespace lightmamba

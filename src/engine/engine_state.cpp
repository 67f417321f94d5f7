#include "engine/engine_state.h"

#include <algorithm>

#include "quant/dither.h"

namespace lightmamba {

void PendingTokens::clear() {
  count = 0;
  for (AlignedVector<float>& layer : inputs) layer.clear();
  for (AlignedVector<float>& layer : conv) layer.clear();
}

EngineStateLayout::EngineStateLayout(const Mamba2Config& config, StateFormat format)
    : config_(config),
      layout_(state_layout(format, config.headdim, config.d_state)),
      conv_numbers_(config.d_conv * config.conv_dim()),
      ssm_bytes_(config.nheads * layout_.head_bytes) {}

EngineState EngineStateLayout::empty() const {
  EngineState state;
  state.conv.resize(static_cast<std::size_t>(config_.n_layer * conv_numbers_));
  state.ssm.resize(static_cast<std::size_t>(config_.n_layer * ssm_bytes_));
  state.pending.inputs.resize(static_cast<std::size_t>(config_.n_layer));
  state.pending.conv.resize(static_cast<std::size_t>(config_.n_layer));
  return state;
}

std::span<float> EngineStateLayout::conv(EngineState& state, std::int64_t layer) const {
  return std::span(state.conv)
      .subspan(static_cast<std::size_t>(layer * conv_numbers_),
               static_cast<std::size_t>(conv_numbers_));
}

std::span<std::byte> EngineStateLayout::ssm(EngineState& state, std::int64_t layer) const {
  return std::span(state.ssm).subspan(static_cast<std::size_t>(layer * ssm_bytes_),
                                      static_cast<std::size_t>(ssm_bytes_));
}

void EngineStateLayout::take_back(EngineState& state, std::int64_t count) const {
  if (count == 0) return;
  PendingTokens& pending = state.pending;
  state.position -= count;
  pending.count -= count;
  const std::int64_t kept = (config_.d_conv - 1) * config_.conv_dim();
  for (std::int64_t layer = 0; layer < config_.n_layer; ++layer) {
    const AlignedVector<float>& inputs = pending.conv[static_cast<std::size_t>(layer)];
    std::copy_n(inputs.data() + pending.count * config_.conv_dim(), kept,
                conv(state, layer).data());
  }
}

EngineState EngineStateLayout::from_float(const State& from) const {
  EngineState state = empty();
  state.position = from.position;
  const std::int64_t kept = (config_.d_conv - 1) * config_.conv_dim();
  const std::int64_t numbers = config_.nheads * config_.headdim * config_.d_state;
  for (std::int64_t layer = 0; layer < config_.n_layer; ++layer) {
    std::copy_n(from.conv.data() + layer * kept, kept, conv(state, layer).data());
    // The threshold of the token that has left this state.
    element_kernels().encode_state(layout_, 0, config_.nheads,
                                   state_dither(layer, from.position - 1),
                                   from.ssm.data() + layer * numbers, ssm(state, layer).data());
  }
  return state;
}

State EngineStateLayout::to_float(const EngineState& from) const {
  const std::int64_t kept = (config_.d_conv - 1) * config_.conv_dim();
  const std::int64_t numbers = config_.nheads * config_.headdim * config_.d_state;
  State state;
  state.position = from.position;
  state.conv.resize(static_cast<std::size_t>(config_.n_layer * kept));
  state.ssm.resize(static_cast<std::size_t>(config_.n_layer * numbers));
  for (std::int64_t layer = 0; layer < config_.n_layer; ++layer) {
    std::copy_n(from.conv.data() + layer * conv_numbers_, kept, state.conv.data() + layer * kept);
    element_kernels().decode_state(layout_, 0, config_.nheads, from.ssm.data() + layer * ssm_bytes_,
                                   state.ssm.data() + layer * numbers);
  }
  return state;
}

}  // namespace lightmamba

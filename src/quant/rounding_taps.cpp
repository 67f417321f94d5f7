#include "quant/rounding_taps.h"

#include <algorithm>
#include <memory>
#include <vector>

#include "quant/hadamard.h"
#include "quant/power_of_two.h"
#include "quant/state_format.h"

namespace lightmamba {
namespace {

void set_ssm(const SsmRounding& rounding, Taps& taps) {
  const TapFn round = quantizing_tap(rounding.values);
  for (const Tap tap : {Tap::z, Tap::conv_input, Tap::conv_output, Tap::ssm_output}) {
    taps.set(tap, round);
  }
  const int bits = rounding.significant_bits;
  taps.set(Tap::dt, [bits](const TapValue& value) {
    for (float& dt : value.data) dt = round_significand(dt, bits);
  });
  taps.set(Tap::decay, [bits](const TapValue& value) {
    for (float& a : value.data) a = 1.0F - round_significand(1.0F - a, bits);
  });
}

// Applies `first`, and then the quantizer of the layer, if it has one.
TapFn by_layer(std::vector<std::optional<Quantizer>> quantizers, TapFn first = {}) {
  if (std::ranges::none_of(quantizers, [](const auto& each) { return each.has_value(); })) {
    return first;
  }
  return [quantizers = std::move(quantizers), first = std::move(first)](const TapValue& value) {
    if (first) first(value);
    const auto index = static_cast<std::size_t>(std::max(value.layer, std::int64_t{0}));
    if (const auto& quantizer = quantizers[index]) {
      fake_quantize(*quantizer, value.columns, value.data);
    }
  };
}

}  // namespace

Taps rotation_taps(const Mamba2Config& config, bool rotates) {
  Taps taps;
  if (rotates) {
    const auto transform = std::make_shared<const HadamardTransform>(config.d_inner);
    taps.set(Tap::out_proj_input,
             [transform](const TapValue& value) { transform->apply(value.data); });
  }
  return taps;
}

Taps rounding_taps(const Mamba2Config& config, const RoundingPlan& plan) {
  std::vector<std::optional<Quantizer>> in_proj;
  std::vector<std::optional<Quantizer>> out_proj;
  for (const LayerRounding& layer : plan.layers) {
    in_proj.push_back(layer.in_proj_input);
    out_proj.push_back(layer.out_proj_input);
  }
  Taps taps = rotation_taps(config, plan.rotates);
  const TapFn rotation = taps.get(Tap::out_proj_input);
  taps.set(Tap::out_proj_input, by_layer(std::move(out_proj), rotation));
  taps.set(Tap::in_proj_input, by_layer(std::move(in_proj)));
  taps.set(Tap::head_input, by_layer({plan.head_input}));
  if (plan.ssm) set_ssm(*plan.ssm, taps);
  taps.set(Tap::state, state_tap(plan.state, config));
  return taps;
}

}  // namespace lightmamba

#include "quant/numerics.h"

#include <algorithm>
#include <memory>
#include <vector>

#include "base/fail.h"
#include "quant/hadamard.h"
#include "quant/power_of_two.h"
#include "quant/state_format.h"

namespace lightmamba {
namespace {

constexpr int kUnquantized = 16;
// Significant bits of 1 - a, and of dt: each number has a power of two of its own.
constexpr int kSignificantBits = 8;

// A decay is kept as 1 - a: what is left of slow heads after thousands of tokens depends on how
// precise that difference is.
void round_decays(const TapValue& value) {
  for (float& a : value.data) a = 1.0F - round_significand(1.0F - a, kSignificantBits);
}

void round_dt(const TapValue& value) {
  for (float& dt : value.data) dt = round_significand(dt, kSignificantBits);
}

void set_pot8(const Mamba2Config& config, Taps& taps) {
  const TapFn round = quantizing_tap({.bits = 8, .group = config.headdim, .power_of_two = true});
  for (const Tap tap : {Tap::z, Tap::conv_input, Tap::conv_output, Tap::ssm_output}) {
    taps.set(tap, round);
  }
  taps.set(Tap::dt, round_dt);
  taps.set(Tap::decay, round_decays);
}

// Quantizers by layer; nothing where they have 16 bits.
TapFn layer_quantizers(const Quantization& quantization, int bits, std::vector<float> clips,
                       TapFn first = {}) {
  if (bits >= kUnquantized) return first;
  const Quantizer quantizer = activation_quantizer(bits, quantization.group, quantization.clip);
  return [=, clips = std::move(clips), first = std::move(first)](const TapValue& value) {
    if (first) first(value);
    const auto index = static_cast<std::size_t>(std::max(value.layer, std::int64_t{0}));
    Quantizer of_layer = quantizer;
    of_layer.clip = clips[index];
    fake_quantize(of_layer, value.columns, value.data);
  };
}

}  // namespace

int head_activation_bits(const Quantization& quantization) {
  return std::max(quantization.scheme.activation_bits, quantization.head_bits);
}

Quantizer activation_quantizer(int bits, std::int64_t group, bool clipped, float clip) {
  return {.bits = bits, .group = group, .full_range = clipped, .clip = clip};
}

Taps make_online_transform(const Mamba2Config& config, Method method) {
  Taps taps;
  if (method == Method::lightmamba) {
    const auto transform = std::make_shared<const HadamardTransform>(config.d_inner);
    taps.set(Tap::out_proj_input,
             [transform](const TapValue& value) { transform->apply(value.data); });
  }
  return taps;
}

Taps make_numerics(const Mamba2Config& config, const Quantization& quantization,
                   std::span<const float> clips) {
  if (std::ssize(clips) != activation_sites(config)) {
    fail("{} clips for {} linear layers", clips.size(), activation_sites(config));
  }
  std::vector<float> in_proj;
  std::vector<float> out_proj;
  for (std::size_t i = 0; i + 1 < clips.size(); i += 2) {
    in_proj.push_back(clips[i]);
    out_proj.push_back(clips[i + 1]);
  }
  const int bits = quantization.scheme.activation_bits;
  Taps taps = make_online_transform(config, quantization.method);
  const TapFn transform = taps.get(Tap::out_proj_input);
  taps.set(Tap::out_proj_input, layer_quantizers(quantization, bits, out_proj, transform));
  taps.set(Tap::in_proj_input, layer_quantizers(quantization, bits, in_proj));
  taps.set(Tap::head_input,
           layer_quantizers(quantization, head_activation_bits(quantization), {clips.back()}));
  if (quantization.ssm == SsmFormat::pot8) set_pot8(config, taps);
  taps.set(Tap::state, state_tap(quantization.state, config));
  return taps;
}

}  // namespace lightmamba

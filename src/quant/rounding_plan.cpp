#include "quant/rounding_plan.h"

#include <algorithm>

#include "base/fail.h"

namespace lightmamba {
namespace {

constexpr int kUnquantized = 16;

std::optional<Quantizer> input_quantizer(const Quantization& q, int bits, float clip) {
  if (bits >= kUnquantized) return {};
  return activation_quantizer(bits, q.group, q.clip, clip);
}

}  // namespace

int head_activation_bits(const Quantization& quantization) {
  return std::max(quantization.scheme.activation_bits, quantization.head_bits);
}

Quantizer activation_quantizer(int bits, std::int64_t group, bool clipped, float clip) {
  return {.bits = bits, .group = group, .full_range = clipped, .clip = clip};
}

RoundingPlan rounding_plan(const Mamba2Config& config, const Quantization& quantization,
                           std::span<const float> clips) {
  if (std::ssize(clips) != activation_sites(config)) {
    fail("{} clips for {} linear layers", clips.size(), activation_sites(config));
  }
  const int bits = quantization.scheme.activation_bits;
  RoundingPlan plan;
  for (std::size_t i = 0; i + 1 < clips.size(); i += 2) {
    plan.layers.push_back({input_quantizer(quantization, bits, clips[i]),
                           input_quantizer(quantization, bits, clips[i + 1])});
  }
  plan.head_input = input_quantizer(quantization, head_activation_bits(quantization), clips.back());
  plan.rotates = quantization.method == Method::lightmamba;
  if (quantization.ssm == SsmFormat::pot8) {
    plan.ssm = SsmRounding{{.bits = 8, .group = config.headdim, .power_of_two = true},
                           kSsmSignificantBits};
  }
  plan.state = state_codes(quantization.state);
  return plan;
}

}  // namespace lightmamba

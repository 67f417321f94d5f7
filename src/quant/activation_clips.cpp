#include "quant/activation_clips.h"

#include "quant/calibration.h"
#include "quant/rounding_plan.h"

namespace lightmamba {
namespace {

constexpr int kUnroundedBits = 16;

}  // namespace

bool ActivationClips::are_found(int bits) const { return options_.clip && bits < kUnroundedBits; }

void ActivationClips::find(int bits, std::int64_t columns, std::span<const float> inputs) {
  const bool is_found = are_found(bits) && !inputs.empty();
  clips_.push_back(is_found
                       ? mse_clip(activation_quantizer(bits, options_.group, true), inputs, columns)
                       : 1.0F);
}

void ActivationClips::round(int bits, std::int64_t columns, std::span<float> inputs) const {
  if (bits >= kUnroundedBits) return;
  fake_quantize(activation_quantizer(bits, options_.group, options_.clip, clips_.back()), columns,
                inputs);
}

}  // namespace lightmamba

#include "quant/smoothing.h"

#include <algorithm>
#include <cmath>
#include <cstddef>

namespace lightmamba {

AlignedVector<float> smoothquant_scale(std::span<const float> input_absmax,
                                       std::span<const float> weight_absmax, float alpha) {
  constexpr float kSmallest = 1e-5F;  // keeps scales and their inverses finite
  AlignedVector<float> scale(input_absmax.size(), 1.0F);
  for (std::size_t i = 0; i < scale.size(); ++i) {
    if (!(input_absmax[i] > 0) || !(weight_absmax[i] > 0)) continue;
    scale[i] = std::max(std::pow(input_absmax[i], alpha) / std::pow(weight_absmax[i], 1.0F - alpha),
                        kSmallest);
  }
  return scale;
}

Smoothing os_plus_shift_scale(std::span<const float> low, std::span<const float> high,
                              float threshold) {
  Smoothing result{AlignedVector<float>(low.size()), AlignedVector<float>(low.size())};
  for (std::size_t i = 0; i < low.size(); ++i) {
    result.shift[i] = (high[i] + low[i]) / 2;
    result.scale[i] = std::max(1.0F, (high[i] - low[i]) / 2 / threshold);
  }
  return result;
}

}  // namespace lightmamba

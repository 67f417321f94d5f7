#include "quant/smoothing.h"

#include <algorithm>
#include <cmath>
#include <cstddef>

#include "base/fail.h"

namespace lightmamba {

std::vector<float> smoothquant_scale(std::span<const float> activation_absmax,
                                     std::span<const float> weight_absmax, float alpha) {
  if (activation_absmax.size() != weight_absmax.size()) {
    fail("smoothing: {} channels, but {} columns of the weight", activation_absmax.size(),
         weight_absmax.size());
  }
  if (!(alpha >= 0 && alpha <= 1)) fail("smoothing: alpha must be 0 to 1, but is {}", alpha);
  std::vector<float> scale(activation_absmax.size(), 1.0F);
  for (std::size_t j = 0; j < scale.size(); ++j) {
    const float value =
        std::pow(activation_absmax[j], alpha) / std::pow(weight_absmax[j], 1.0F - alpha);
    if (activation_absmax[j] > 0 && weight_absmax[j] > 0) scale[j] = value;
  }
  return scale;
}

ShiftScale os_plus_shift_scale(std::span<const float> minimum, std::span<const float> maximum,
                               float threshold) {
  if (minimum.size() != maximum.size()) {
    fail("smoothing: {} minima, but {} maxima", minimum.size(), maximum.size());
  }
  if (!(threshold > 0)) fail("smoothing: the threshold must be positive, but is {}", threshold);
  ShiftScale result;
  for (std::size_t j = 0; j < minimum.size(); ++j) {
    const float shift = (maximum[j] + minimum[j]) / 2;
    result.shift.push_back(shift);
    // With this shift both ends of the range are equally far away.
    result.scale.push_back(std::max(1.0F, (maximum[j] - shift) / threshold));
  }
  return result;
}

}  // namespace lightmamba

// Scales and shifts of channels that move the difficulty of quantizing away from activations.
#pragma once

#include <span>
#include <vector>

namespace lightmamba {

// SmoothQuant (Xiao et al., arXiv 2211.10438, equation 4): activations are divided by
// s_j = max|X_j|^alpha / max|W_j|^(1 - alpha), the columns of the weight multiplied by it. Both
// spans are [channels], the largest magnitudes of a channel and of its weight column; 1 where
// either is zero. Throws Error if the sizes differ or alpha is not in [0, 1].
std::vector<float> smoothquant_scale(std::span<const float> activation_absmax,
                                     std::span<const float> weight_absmax, float alpha);

struct ShiftScale {
  std::vector<float> shift;  // z [channels]
  std::vector<float> scale;  // s [channels], at least 1
};

// Outlier Suppression+ (Wei et al., arXiv 2304.09145): activations become
// (X_j - z_j) / s_j with z_j = (max X_j + min X_j) / 2 and s_j = max(1, max|X_j - z_j| /
// threshold). Both spans are [channels], the ranges of the channels. Throws Error if the sizes
// differ or the threshold is not positive.
ShiftScale os_plus_shift_scale(std::span<const float> minimum, std::span<const float> maximum,
                               float threshold);

}  // namespace lightmamba

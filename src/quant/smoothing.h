// Channel-wise changes of a linear layer's input: x' = (x - shift) / scale.
#pragma once

#include <span>

#include "base/buffer.h"

namespace lightmamba {

struct Smoothing {
  AlignedVector<float> shift;  // [channels], or empty: none
  AlignedVector<float> scale;  // [channels], positive
};

// SmoothQuant (arXiv 2211.10438, equation 4): s_j = max|X_j|^alpha / max|W_j|^(1 - alpha), from the
// largest magnitudes of each channel of the input and of the weight's column. Channels without
// values keep scale 1.
AlignedVector<float> smoothquant_scale(std::span<const float> input_absmax,
                                       std::span<const float> weight_absmax, float alpha);

// Outlier Suppression+ (arXiv 2304.09145): z_j = (max X_j + min X_j) / 2 and
// s_j = max(1, max|X_j - z_j| / threshold).
Smoothing os_plus_shift_scale(std::span<const float> low, std::span<const float> high,
                              float threshold);

}  // namespace lightmamba

// The weights of the convolution in INT8.
#pragma once

#include <cstdint>
#include <span>

#include "model/weights.h"

namespace lightmamba {

// Rounds weights to nearest on a symmetric grid; the exponent is the smallest at which no weight
// saturates.
ConvCodes quantize_conv(std::span<const float> weights, std::int64_t d_conv);
void conv_to_float(std::span<const std::int8_t> codes, std::span<const std::int8_t> exponents,
                   std::span<float> weights);

}  // namespace lightmamba

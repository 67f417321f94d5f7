// Quantized models of any shape without a checkpoint, for measuring speed.
#pragma once

#include <cstdint>
#include <memory>

#include "model/weights.h"

namespace lightmamba {

// Random codes, and scales at which activations keep their size; the rest as random_weights() makes
// it. The same for a seed on every machine. Throws Error where the shape and the method do not fit.
std::shared_ptr<const Weights> random_quantized_weights(const Mamba2Config& config,
                                                        const Quantization& quantization);

}  // namespace lightmamba

// Quantized models of any shape without a checkpoint, for measuring speed.
#pragma once

#include <cstdint>
#include <memory>

#include "model/weights.h"

namespace lightmamba {

// Makes random codes, and scales at which activations keep their size; all else is made by
// random_weights(). The result is the same for a seed on every machine. Throws Error if the shape
// and the method do not fit.
std::shared_ptr<const Weights> random_quantized_weights(const Mamba2Config& config,
                                                        const Quantization& quantization);

}  // namespace lightmamba

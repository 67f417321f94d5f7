// Quantizes a model from its embedding to its last layer, with one layer in float at a time.
#pragma once

#include <vector>

#include <lightmamba/quantize.h>

#include "quant/known_residuals.h"
#include "quant/quantize_setup.h"
#include "quant/quantized_file.h"
#include "quant/weight_source.h"

namespace lightmamba {

// Hands over the tensors of quantized_layout(), in order, and returns the error of each matrix.
// `setup` is for the source's configuration; `known` may be null. Throws Stopped when the options
// ask for it.
std::vector<TensorError> quantize_weights(const WeightSource& source, const QuantizeSetup& setup,
                                          KnownResiduals* known, const PutNamedTensor& put);

}  // namespace lightmamba

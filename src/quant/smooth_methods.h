// The methods that move difficulty from activations to weights channel by channel: x' = (x - shift)
// / scale in front of W' = W diag(scale), with W shift added to the bias. Scale and shift are
// folded into the norm, so nothing remains to be done online.
#pragma once

#include <memory>
#include <optional>

#include "quant/method.h"

namespace lightmamba {

// Makes SmoothQuant. If options.alpha is not given, the alpha of each layer is the one from a grid
// at which the quantized layer's output over the sample has the least squared error.
std::unique_ptr<const WeightMethod> make_smoothquant(const MethodOptions& options);

// Makes Outlier Suppression+. The threshold of each layer is searched in the same way.
std::unique_ptr<const WeightMethod> make_os_plus(const MethodOptions& options);

}  // namespace lightmamba

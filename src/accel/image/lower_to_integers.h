// From a quantized model to integers.
#pragma once

#include <optional>
#include <string>

#include "accel/numerics/integer_model.h"
#include "model/weights.h"

namespace lightmamba::accel {

// Why the accelerator cannot run these weights, or none: it needs method lightmamba, w4a4 with
// clipped ranges, a 4-bit head, pot8 and an integer state.
std::optional<std::string> unsupported_reason(const Weights& weights);

// Throws Error where unsupported_reason() gives a reason.
IntegerModel lower_to_integers(const Weights& weights);

}  // namespace lightmamba::accel

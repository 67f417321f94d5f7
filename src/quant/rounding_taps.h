// The rounding of a quantized model, and its online rotation, as taps of the reference.
#pragma once

#include <lightmamba/config.h>
#include <lightmamba/taps.h>

#include "quant/rounding_plan.h"

namespace lightmamba {

Taps rounding_taps(const Mamba2Config& config, const RoundingPlan& plan);

// Returns the online rotation of out_proj's inputs alone, or no tap.
Taps rotation_taps(const Mamba2Config& config, bool rotates);

}  // namespace lightmamba

// The accelerator's state as numbers, which every back end understands.
#pragma once

#include <lightmamba/sequence.h>

#include "accel/numerics/golden_model.h"

namespace lightmamba::accel {

// Without logits.
State to_float(const GoldenState& from);

// Back again: values that are codes of so many bits are kept. The state fits the configuration.
// Throws Error for a number that is not finite or too large.
GoldenState from_float(const State& from, const Mamba2Config& config, int state_bits);

}  // namespace lightmamba::accel

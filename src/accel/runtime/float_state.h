// Converts the accelerator's state from and to numbers, which every back end understands.
#pragma once

#include <lightmamba/sequence.h>

#include "accel/numerics/golden_model.h"

namespace lightmamba::accel {

// The state has no logits.
State to_float(const GoldenState& from);

// Converts back: values that are codes of `state_bits` bits do not change. The state must fit the
// configuration. Throws Error for a number that is not finite or too large.
GoldenState from_float(const State& from, const Mamba2Config& config, int state_bits);

}  // namespace lightmamba::accel

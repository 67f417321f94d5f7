// The fast CPU engine for quantized models.
#pragma once

#include <lightmamba/model.h>

namespace lightmamba {

// Whether the engine can run the model: its weights and activations have 4 or 8 bits.
bool engine_supports(const Model& model);

// The same model on the engine. Its logits are those of the reference up to rounding of floats, the
// same bytes on any number of threads and any instruction set; but prefill rounds the state once
// for up to 512 tokens instead of after each. `threads` is 0 for as many as parallel loops have.
// Throws Error where engine_supports() is false, or LIGHTMAMBA_ISA names an instruction set that
// this processor does not have.
Model with_engine(const Model& model, int threads = 0);

}  // namespace lightmamba

// The fast CPU engine for quantized models.
#pragma once

#include <memory>

#include <lightmamba/export.h>
#include <lightmamba/sequence.h>

namespace lightmamba {

struct EngineOptions {
  int threads = 0;  // 0 means one for each processor
  // Keeps each thread on its own processor. The thread that creates the engine is kept on one too,
  // as long as the engine lives. Meant for machines that run nothing else; ignored if there are
  // fewer processors than threads.
  bool pin_threads = false;
};

// Tells whether the engine can run the model: its weights and activations must have 4 or 8 bits.
LIGHTMAMBA_EXPORT bool engine_supports(const Model& model);

// Computes the logits of the reference up to rounding of floats, with one difference: prefill
// rounds the state once for up to kPrefillSegment tokens instead of after each token. Results are
// the same bytes on any number of threads and any instruction set. Throws Error if
// engine_supports() is false, if the system does not start as many threads, or if LIGHTMAMBA_ISA
// names an instruction set that this processor does not have and set_instruction_set() has chosen
// none.
//
// Sequences of one engine take turns, in the order in which threads ask: each waits for no more
// than a token or kPrefillSegment tokens of every other. The function that a prefill passes logits
// to may use other sequences of the engine.
LIGHTMAMBA_EXPORT std::shared_ptr<const Backend> engine_backend(Model model,
                                                                const EngineOptions& options = {});

}  // namespace lightmamba

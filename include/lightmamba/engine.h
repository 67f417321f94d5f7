// The fast CPU engine for quantized models.
#pragma once

#include <memory>

#include <lightmamba/export.h>
#include <lightmamba/sequence.h>

namespace LIGHTMAMBA_EXPORT lightmamba {

struct EngineOptions {
  int threads = 0;  // 0: as many as parallel loops have
  // Keeps each thread on a processor of its own, the one that makes the engine too while the engine
  // lives. For machines that run nothing else; where there are fewer processors, nothing happens.
  bool pin_threads = false;
};

// Whether the engine can run the model: its weights and activations have 4 or 8 bits.
bool engine_supports(const Model& model);

// Gives the logits of the reference up to rounding of floats, the same bytes on any number of
// threads and any instruction set; but prefill rounds the state once for up to kPrefillSegment
// tokens instead of after each. Throws Error where engine_supports() is false, or LIGHTMAMBA_ISA
// names an instruction set that this processor does not have.
std::shared_ptr<const Backend> engine_backend(Model model, const EngineOptions& options = {});

}  // namespace lightmamba

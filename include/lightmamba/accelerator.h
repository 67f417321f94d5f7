// The accelerator as a back end.
#pragma once

#include <memory>

#include <lightmamba/export.h>
#include <lightmamba/sequence.h>

namespace lightmamba {

// Tells whether the accelerator can run the model: its format must be that of docs/accelerator.md,
// with SsmFormat::pot8 and a head of 4 bits.
LIGHTMAMBA_EXPORT bool accelerator_supports(const Model& model);

// Computes the integers of the accelerator bit for bit, with its golden model. Prefill runs token
// by token, and sequences take turns. Throws Error that says why if accelerator_supports() is
// false.
LIGHTMAMBA_EXPORT std::shared_ptr<const Backend> golden_backend(Model model);

}  // namespace lightmamba

// The accelerator as a back end.
#pragma once

#include <memory>

#include <lightmamba/export.h>
#include <lightmamba/sequence.h>

namespace lightmamba {

// Whether the accelerator can run the model: its format must be that of docs/accelerator.md, with
// SsmFormat::pot8 and a head of 4 bits.
LIGHTMAMBA_EXPORT bool accelerator_supports(const Model& model);

// The integers of the accelerator, bit for bit, computed by its golden model. Prefill goes token by
// token, and sequences take turns. Throws Error saying
// why where accelerator_supports() is false.
LIGHTMAMBA_EXPORT std::shared_ptr<const Backend> golden_backend(Model model);

}  // namespace lightmamba

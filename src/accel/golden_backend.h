// The golden model as a back end of a model, for everything that runs one.
#pragma once

#include <lightmamba/model.h>

namespace lightmamba::accel {

// Throws Error where not_supported() gives a reason.
Model with_golden(const Model& model);

}  // namespace lightmamba::accel

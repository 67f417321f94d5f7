// One table of element kernels for each file compiled for an instruction set.
#pragma once

#include "kernels/elements.h"

namespace lightmamba {

extern const ElementKernels kScalarElementKernels;
extern const ElementKernels kAvx2ElementKernels;
extern const ElementKernels kAvx512ElementKernels;

}  // namespace lightmamba

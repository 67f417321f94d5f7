#include "kernels/elements_impl.h"
#include "kernels/elements_isa.h"

namespace lightmamba {

const ElementKernels kAvx512ElementKernels = kElementKernels;

}  // namespace lightmamba

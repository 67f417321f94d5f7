#include "kernels/elements_impl.h"
#include "kernels/elements_isa.h"

namespace lightmamba {

const ElementKernels kAvx2ElementKernels = kElementKernels;

}  // namespace lightmamba

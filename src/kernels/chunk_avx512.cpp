#include "kernels/chunk_impl.h"
#include "kernels/chunk_isa.h"

namespace lightmamba {

const ChunkKernels kAvx512ChunkKernels = kChunkKernels;

}  // namespace lightmamba

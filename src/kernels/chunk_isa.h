// One table of chunk kernels for each file compiled for an instruction set.
#pragma once

#include "kernels/chunk.h"

namespace lightmamba {

extern const ChunkKernels kScalarChunkKernels;
extern const ChunkKernels kAvx2ChunkKernels;
extern const ChunkKernels kAvx512ChunkKernels;

}  // namespace lightmamba

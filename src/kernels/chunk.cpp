#include "kernels/chunk.h"

#include "kernels/chunk_isa.h"
#include "kernels/chunk_layout.h"

namespace lightmamba {

std::int64_t chunk_count(const ChunkShape& shape) {
  return (shape.tokens + kChunkTokens - 1) / kChunkTokens;
}

std::int64_t chunk_groups_size(const ChunkShape& shape) {
  return chunk_count(shape) * shape.ngroups * ChunkLayout(shape).group_size;
}

std::int64_t chunk_scratch_size(const ChunkShape& shape) { return ChunkLayout(shape).scratch_size; }

const ChunkKernels& chunk_kernels(Isa isa) {
#if defined(LIGHTMAMBA_X86_KERNELS)
  if (isa == Isa::avx512) return kAvx512ChunkKernels;
  if (isa == Isa::avx2) return kAvx2ChunkKernels;
#endif
  static_cast<void>(isa);
  return kScalarChunkKernels;
}

const ChunkKernels& chunk_kernels() { return chunk_kernels(current_isa()); }

}  // namespace lightmamba

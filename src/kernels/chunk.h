// The state-space dual form (Dao and Gu, 2024) of many tokens of one layer, as ssm_chunked() of
// model/ssm.h computes it, for each instruction set.
//
// The caller distributes first the chunks of each group, then the heads: each kernel works on its
// part, on the caller's thread, and allocates nothing. Every instruction set gives the same bytes
// for any distribution of the work: sums take one product after the other, each rounded once with
// the sum. All numbers are float32 and need no alignment beyond their own.
#pragma once

#include <cstdint>

#include "kernels/isa.h"

namespace lightmamba {

inline constexpr std::int64_t kChunkTokens = 64;

struct ChunkShape {
  std::int64_t tokens;  // tokens of the call; any number
  std::int64_t nheads, ngroups, headdim, d_state;
};

std::int64_t chunk_count(const ChunkShape& shape);

// Return the size in numbers of `groups` in ChunkArguments, and of the scratch of one call of
// ChunkKernels::heads.
std::int64_t chunk_groups_size(const ChunkShape& shape);
std::int64_t chunk_scratch_size(const ChunkShape& shape);

struct ChunkArguments {
  ChunkShape shape;
  const float* xbc;    // x | B | C  [tokens][nheads headdim + 2 ngroups d_state]
  const float* dt;     // [tokens][nheads]
  const float* decay;  // [tokens][nheads]
  const float* D;      // [nheads]
  float* groups;       // values shared by the heads of a group, written by ChunkKernels::group
  float* state;        // [nheads][headdim][d_state], before the first token, then after the last
  float* y;            // [tokens][nheads headdim]
};

struct ChunkKernels {
  // Computes C B^T of one group in one chunk, 0 <= chunk < chunk_count(), and copies of B and C.
  void (*group)(const ChunkArguments& arguments, std::int64_t chunk, std::int64_t group);

  // Computes all tokens of the heads first_head ... end_head - 1, whose groups must be done in all
  // chunks.
  void (*heads)(const ChunkArguments& arguments, std::int64_t first_head, std::int64_t end_head,
                float* scratch);
};

// Return the kernels of one instruction set, which must be supported, or those of current_isa().
const ChunkKernels& chunk_kernels(Isa isa);
const ChunkKernels& chunk_kernels();

}  // namespace lightmamba

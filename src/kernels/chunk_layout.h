// The layout of the memory that a caller lends to the chunk kernels, in numbers from its start.
#pragma once

#include "kernels/chunk.h"

namespace lightmamba {
namespace {

struct ChunkLayout {
  std::int64_t width;       // headdim padded to vectors
  std::int64_t state_rows;  // d_state padded likewise

  // In `groups`, for each chunk and in it for each group:
  std::int64_t C_at;       // C    [d_state / kChunkTokens][kChunkTokens][kChunkTokens]
  std::int64_t B_at;       // B^T  [d_state][kChunkTokens]
  std::int64_t scores_at;  // C B^T  [kChunkTokens][kChunkTokens], its lower half
  std::int64_t group_size;

  // In the scratch of a head:
  std::int64_t h_at;       // h^T, panels of columns [d_state][panel]
  std::int64_t x_at;       // x of a panel [kChunkTokens][panel]
  std::int64_t mixing_at;  //      [kChunkTokens][kChunkTokens]
  std::int64_t scratch_size;

  explicit ChunkLayout(const ChunkShape& shape) {
    const auto padded = [](std::int64_t count, std::int64_t to) {
      return (count + to - 1) / to * to;
    };
    constexpr std::int64_t kVector = 16;
    constexpr std::int64_t kArea = kChunkTokens * kChunkTokens;
    state_rows = padded(shape.d_state, kVector);
    width = padded(shape.headdim, kVector);
    C_at = 0;
    B_at = C_at + padded(shape.d_state, kChunkTokens) * kChunkTokens;
    scores_at = B_at + state_rows * kChunkTokens;
    group_size = scores_at + kArea;
    h_at = 0;
    x_at = h_at + state_rows * width;
    mixing_at = x_at + kChunkTokens * width;
    scratch_size = mixing_at + kArea;
  }
};

}  // namespace
}  // namespace lightmamba

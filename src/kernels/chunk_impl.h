// The chunk kernels for the instruction set that the including file is compiled for.
//
// All products of a head have headdim along the vectors, so that y needs no transposing: the state
// is kept as h^T [d_state][headdim] while the head is computed. The left factors, whose single
// numbers are broadcast to vectors, have rows of kChunkTokens numbers: C in one block for each
// kChunkTokens of d_state, B^T, and the mixing matrix L o C B^T o dt + D.
#pragma once

#if defined(__AVX2__)
#include <immintrin.h>
#endif

#include "kernels/chunk.h"
#include "kernels/chunk_layout.h"
#include "kernels/lanes.h"

namespace lightmamba {
namespace {

inline constexpr int kBlock = static_cast<int>(kChunkTokens);
inline constexpr int kBlockVectors = kBlock / kLanes;

// A tile of a product, kept in registers. kTileRows divides kLanes, to which rows are padded
// everywhere.
#if defined(__AVX512F__)
inline constexpr int kTileRows = 4;
inline constexpr int kTileVectors = 4;
#elif defined(__AVX2__)
inline constexpr int kTileRows = 4;
inline constexpr int kTileVectors = 1;
#else
inline constexpr int kTileRows = 2;
inline constexpr int kTileVectors = 1;
#endif

// Returns a b + c, rounded once.
LIGHTMAMBA_INLINE Floats multiply_add(const Floats& a, const Floats& b, const Floats& c) {
#if defined(__AVX512F__)
  return {_mm512_fmadd_ps(a.part[0], b.part[0], c.part[0])};
#elif defined(__AVX2__)
  return {_mm256_fmadd_ps(a.part[0], b.part[0], c.part[0]),
          _mm256_fmadd_ps(a.part[1], b.part[1], c.part[1])};
#else
  Floats result;
  for (int i = 0; i < kParts; ++i) {
    for (int lane = 0; lane < kNative; ++lane) {
      result.part[i][lane] = __builtin_fmaf(a.part[i][lane], b.part[i][lane], c.part[i][lane]);
    }
  }
  return result;
#endif
}

template <int kVectors>
struct Tile {
  Floats row[kTileRows][kVectors];
};

// tile += left right, with left [kTileRows][depth] of a block and right [depth], rows kStride
// apart.
template <int kStride, int kVectors>
LIGHTMAMBA_INLINE void accumulate(const float* left, const float* right, std::int64_t depth,
                                  Tile<kVectors>& tile) {
  for (std::int64_t k = 0; k < depth; ++k) {
    Floats vectors[kVectors];
    for (int v = 0; v < kVectors; ++v) vectors[v] = load(right + v * kLanes);
    for (int r = 0; r < kTileRows; ++r) {
      const Floats factor = all(left[r * kBlock]);
      for (int v = 0; v < kVectors; ++v) {
        tile.row[r][v] = multiply_add(factor, vectors[v], tile.row[r][v]);
      }
    }
    ++left;
    right += kStride;
  }
}

// Columns of the right factor that lie together.
template <int kPanelVectors>
struct Panel {
  static constexpr int kVectors = kPanelVectors;
  static constexpr int kWidth = kVectors * kLanes;
  std::int64_t first;  // column
};

// Takes panels as wide as a tile, then single vectors.
template <typename Body>
LIGHTMAMBA_INLINE void for_each_panel(std::int64_t columns, const Body& body) {
  std::int64_t first = 0;
  for (; first + kTileVectors * kLanes <= columns; first += kTileVectors * kLanes) {
    body(Panel<kTileVectors>{first});
  }
  for (; first < columns; first += kLanes) body(Panel<1>{first});
}

// Transposes rows x columns <= 16 x 16 numbers; missing numbers are 0.
LIGHTMAMBA_INLINE void load_transposed(const float* from, std::int64_t stride, std::int64_t rows,
                                       std::int64_t columns, Floats* to) {
  for (std::int64_t r = 0; r < kLanes; ++r) {
    to[r] = r < rows ? load_up_to(from + r * stride, columns) : all(0.0F);
  }
  // The place of a number, eight bits of row and lane, is rotated by a bit each time.
  for (int step = 0; step < 4; ++step) {
    Floats before[kLanes];
    for (int i = 0; i < kLanes; ++i) before[i] = to[i];
    for (int i = 0; i < kLanes / 2; ++i) {
      to[i] = evens(before[2 * i], before[2 * i + 1]);
      to[kLanes / 2 + i] = odds(before[2 * i], before[2 * i + 1]);
    }
  }
}

// Transposes [rows][columns] to [columns][rows], both padded to 16 with zeros.
inline void transpose_padded(const float* from, std::int64_t stride, std::int64_t rows,
                             std::int64_t columns, float* to, std::int64_t to_stride) {
  for (std::int64_t r = 0; r < rows; r += kLanes) {
    for (std::int64_t c = 0; c < columns; c += kLanes) {
      Floats block[kLanes];
      load_transposed(from + r * stride + c, stride, rows - r, columns - c, block);
      for (int i = 0; i < kLanes; ++i) store(to + (c + i) * to_stride + r, block[i]);
    }
  }
}

// Transposes [rows][columns], padded to 16, to [columns][rows], not padded.
inline void transpose_unpadded(const float* from, std::int64_t stride, std::int64_t rows,
                               std::int64_t columns, float* to, std::int64_t to_stride) {
  for (std::int64_t c = 0; c < columns; c += kLanes) {
    for (std::int64_t r = 0; r < rows; r += kLanes) {
      Floats block[kLanes];
      load_transposed(from + r * stride + c, stride, kLanes, kLanes, block);
      for (int i = 0; i < kLanes && c + i < columns; ++i) {
        store_up_to(to + (c + i) * to_stride + r, block[i], rows - r);
      }
    }
  }
}

inline std::int64_t smaller(std::int64_t a, std::int64_t b) { return a < b ? a : b; }

inline std::int64_t tokens_of(const ChunkShape& shape, std::int64_t chunk) {
  return smaller(kBlock, shape.tokens - chunk * kBlock);
}

inline std::int64_t conv_dim(const ChunkShape& shape) {
  return shape.nheads * shape.headdim + 2 * shape.ngroups * shape.d_state;
}

inline void run_group(const ChunkArguments& a, std::int64_t chunk, std::int64_t group) {
  const ChunkShape& shape = a.shape;
  const ChunkLayout layout(shape);
  const std::int64_t d_state = shape.d_state;
  const std::int64_t stride = conv_dim(shape);
  const std::int64_t tokens = tokens_of(shape, chunk);
  const float* const B =
      a.xbc + chunk * kBlock * stride + shape.nheads * shape.headdim + group * d_state;
  const float* const C = B + shape.ngroups * d_state;
  float* const memory = a.groups + (chunk * shape.ngroups + group) * layout.group_size;

  for (std::int64_t n = 0; n < d_state; n += kBlock) {
    float* const block = memory + layout.C_at + n * kBlock;
    for (std::int64_t i = 0; i < kBlock; ++i) {
      for (std::int64_t v = 0; v < kBlock; v += kLanes) {
        const bool is_there = i < tokens && n + v < d_state;
        store(block + i * kBlock + v,
              is_there ? load_up_to(C + i * stride + n + v, d_state - n - v) : all(0.0F));
      }
    }
  }
  transpose_padded(B, stride, tokens, d_state, memory + layout.B_at, kBlock);

  for_each_panel(
      kBlock, [&](auto panel) __attribute__((always_inline)) {
        const std::int64_t j = panel.first;
        for (std::int64_t i = j; i < tokens; i += kTileRows) {  // the others are above the diagonal
          Tile<panel.kVectors> tile = {};
          for (std::int64_t n = 0; n < d_state; n += kBlock) {
            accumulate<kBlock>(memory + layout.C_at + (n + i) * kBlock,
                               memory + layout.B_at + n * kBlock + j, smaller(kBlock, d_state - n),
                               tile);
          }
          for (int r = 0; r < kTileRows; ++r) {
            for (int v = 0; v < panel.kVectors; ++v) {
              store(memory + layout.scores_at + (i + r) * kBlock + j + v * kLanes, tile.row[r][v]);
            }
          }
        }
      });
}

// The factors of one head in one chunk.
struct Decays {
  float from_start[kBlock];  // a_0 ... a_i
  float to_end[kBlock];      // dt_j a_{j+1} ... a_last
};

struct OneLane {
  std::uint32_t words[2 * kLanes];
};
inline constexpr OneLane kOneLane = [] {
  OneLane mask = {};
  mask.words[kLanes] = 0xFFFFFFFFU;
  return mask;
}();

// Returns `value` in one lane and 0 in the others.
LIGHTMAMBA_INLINE Floats in_lane(int lane, float value) {
  return float_of(bits_of(all(value)) & load_bits(kOneLane.words + kLanes - lane));
}

// The arrays that mix() reads, at the first token of a chunk.
struct MixInputs {
  const float* dt;     // rows `stride` apart
  const float* decay;  // likewise
  std::int64_t stride;
  const float* scores;  // [kChunkTokens][kChunkTokens]
  float D;
  std::int64_t tokens;
};

// Computes the rows that have the diagonal in vector kDiagonal. `carried` is dt_j a_{j+1} ... a_i
// of the last finished row.
template <int kDiagonal>
LIGHTMAMBA_INLINE void mix_rows(const MixInputs& in, float* mixing, Decays& decays,
                                Floats* carried) {
  constexpr int kFirst = kDiagonal * kLanes;
  float product = kFirst == 0 ? 1 : decays.from_start[kFirst == 0 ? 0 : kFirst - 1];
  for (int lane = 0; lane < kLanes && kFirst + lane < in.tokens; ++lane) {
    const int i = kFirst + lane;
    const float a = in.decay[i * in.stride];
    product *= a;
    decays.from_start[i] = product;
    for (int v = 0; v <= kDiagonal; ++v) {
      carried[v] = carried[v] * all(a);
      if (v == kDiagonal) carried[v] = carried[v] + in_lane(lane, in.dt[i * in.stride]);
      Floats mixed = carried[v] * load(in.scores + i * kBlock + v * kLanes);
      if (v == kDiagonal) mixed = mixed + in_lane(lane, in.D);
      store(mixing + i * kBlock + v * kLanes, mixed);
    }
  }
}

// Computes the mixing matrix of a head: dt_j a_{j+1} ... a_i scores[i][j], with D added on the
// diagonal. It uses products of decays rather than exponentials of differences, so that they equal
// those of the recurrence for any a.
inline void mix(const MixInputs& in, float* mixing, Decays& decays) {
  static_assert(kBlockVectors == 4);
  Floats carried[kBlockVectors] = {};
  mix_rows<0>(in, mixing, decays, carried);
  mix_rows<1>(in, mixing, decays, carried);
  mix_rows<2>(in, mixing, decays, carried);
  mix_rows<3>(in, mixing, decays, carried);
  for (int v = 0; v < kBlockVectors; ++v) store(decays.to_end + v * kLanes, carried[v]);
}

inline void run_head_chunk(const ChunkArguments& a, const ChunkLayout& layout, std::int64_t head,
                           std::int64_t chunk, float* scratch) {
  const ChunkShape& shape = a.shape;
  const std::int64_t headdim = shape.headdim;
  const std::int64_t d_state = shape.d_state;
  const std::int64_t width = layout.width;
  const std::int64_t stride = conv_dim(shape);
  const std::int64_t d_inner = shape.nheads * headdim;
  const std::int64_t first = chunk * kBlock;
  const std::int64_t tokens = tokens_of(shape, chunk);
  const std::int64_t group = head / (shape.nheads / shape.ngroups);
  const float* const shared = a.groups + (chunk * shape.ngroups + group) * layout.group_size;
  const float* const C = shared + layout.C_at;
  const float* const B = shared + layout.B_at;
  const float* const x = a.xbc + first * stride + head * headdim;
  float* const y = a.y + first * d_inner + head * headdim;
  float* const h = scratch + layout.h_at;
  float* const own_x = scratch + layout.x_at;
  float* const mixing = scratch + layout.mixing_at;

  Decays decays = {};
  mix({.dt = a.dt + first * shape.nheads + head,
       .decay = a.decay + first * shape.nheads + head,
       .stride = shape.nheads,
       .scores = shared + layout.scores_at,
       .D = a.D[head],
       .tokens = tokens},
      mixing, decays);
  // The next chunk's row is far away, since rows are long.
  const std::int64_t ahead = smaller(shape.tokens - first - tokens, kBlock);
  for (std::int64_t j = 0; j < ahead; ++j) {
    for (std::int64_t p = 0; p < headdim; p += kLanes) {
      __builtin_prefetch(x + (tokens + j) * stride + p, 0, 2);
    }
  }
  const float kept = decays.from_start[tokens - 1];
  for_each_panel(
      width, [&](auto panel) __attribute__((always_inline)) {
        constexpr int kWidth = panel.kWidth;
        const std::int64_t p = panel.first;
        float* const panel_h = h + p * layout.state_rows;
        for (std::int64_t j = 0; j < tokens; ++j) {
          for (int v = 0; v < kWidth; v += kLanes) {
            store(own_x + j * kWidth + v, load_up_to(x + j * stride + p + v, headdim - p - v));
          }
        }

        for (std::int64_t i = 0; i < tokens; i += kTileRows) {
          Tile<panel.kVectors> tile = {};
          for (std::int64_t n = 0; n < d_state; n += kBlock) {
            accumulate<kWidth>(C + (n + i) * kBlock, panel_h + n * kWidth,
                               smaller(kBlock, d_state - n), tile);
          }
          for (int r = 0; r < kTileRows; ++r) {
            for (Floats& sum : tile.row[r]) sum = sum * all(decays.from_start[i + r]);
          }
          accumulate<kWidth>(mixing + i * kBlock, own_x, smaller(i + kTileRows, tokens), tile);
          for (int r = 0; r < kTileRows && i + r < tokens; ++r) {
            for (int v = 0; v < panel.kVectors; ++v) {
              const std::int64_t at = p + v * kLanes;
              store_up_to(y + (i + r) * d_inner + at, tile.row[r][v], headdim - at);
            }
          }
        }

        for (std::int64_t j = 0; j < tokens; ++j) {
          for (int v = 0; v < kWidth; v += kLanes) {
            float* const numbers = own_x + j * kWidth + v;
            store(numbers, load(numbers) * all(decays.to_end[j]));
          }
        }
        for (std::int64_t n = 0; n < d_state; n += kTileRows) {
          Tile<panel.kVectors> tile;
          for (int r = 0; r < kTileRows; ++r) {
            for (int v = 0; v < panel.kVectors; ++v) {
              tile.row[r][v] = load(panel_h + (n + r) * kWidth + v * kLanes) * all(kept);
            }
          }
          accumulate<kWidth>(B + n * kBlock, own_x, tokens, tile);
          for (int r = 0; r < kTileRows; ++r) {
            for (int v = 0; v < panel.kVectors; ++v) {
              store(panel_h + (n + r) * kWidth + v * kLanes, tile.row[r][v]);
            }
          }
        }
      });
}

inline void run_heads(const ChunkArguments& a, std::int64_t first_head, std::int64_t end_head,
                      float* scratch) {
  const ChunkLayout layout(a.shape);
  const std::int64_t headdim = a.shape.headdim;
  const std::int64_t d_state = a.shape.d_state;
  float* const h = scratch + layout.h_at;
  for (std::int64_t head = first_head; head < end_head; ++head) {
    float* const state = a.state + head * headdim * d_state;
    for_each_panel(layout.width, [&](auto panel) {
      const std::int64_t p = panel.first;
      transpose_padded(state + p * d_state, d_state, smaller(panel.kWidth, headdim - p), d_state,
                       h + p * layout.state_rows, panel.kWidth);
    });
    for (std::int64_t chunk = 0; chunk < chunk_count(a.shape); ++chunk) {
      run_head_chunk(a, layout, head, chunk, scratch);
    }
    for_each_panel(layout.width, [&](auto panel) {
      const std::int64_t p = panel.first;
      transpose_unpadded(h + p * layout.state_rows, panel.kWidth, d_state,
                         smaller(panel.kWidth, headdim - p), state + p * d_state, d_state);
    });
  }
}

inline constexpr ChunkKernels kChunkKernels = {.group = run_group, .heads = run_heads};

}  // namespace
}  // namespace lightmamba

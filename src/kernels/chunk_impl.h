// The chunk kernels for the instruction set that the including file is compiled for.
//
// Both products of a head have headdim along the vectors, so that y needs no transposing: the state
// is kept as h^T [d_state][headdim] while the head is worked on. The other factor, of which single
// numbers are spread over vectors, lies in blocks of rows of kChunkTokens numbers: C [tokens][n] in
// one block for each kChunkTokens of n, B^T [n][tokens] and the mixing matrix L o C B^T o dt + D in
// one.
#pragma once

#if defined(__AVX2__)
#include <immintrin.h>
#endif

#include "kernels/chunk.h"
#include "kernels/chunk_layout.h"
#include "kernels/lanes.h"

namespace lightmamba {
namespace {

constexpr int kBlock = static_cast<int>(kChunkTokens);
constexpr int kBlockVectors = kBlock / kLanes;

// A tile of a product that is kept in registers. kTileRows divides kLanes, to which rows are padded
// everywhere.
#if defined(__AVX512F__)
#ifndef TR
#define TR 4
#define TV 4
#endif
inline constexpr int kTileRows = TR;
inline constexpr int kTileVectors = TV;
#elif defined(__AVX2__)
inline constexpr int kTileRows = 4;
inline constexpr int kTileVectors = 1;
#else
inline constexpr int kTileRows = 2;
inline constexpr int kTileVectors = 1;
#endif

// a b + c, rounded once where the instruction set has that.
LIGHTMAMBA_INLINE Floats multiply_add(const Floats& a, const Floats& b, const Floats& c) {
#if defined(__AVX512F__)
  return {_mm512_fmadd_ps(a.part[0], b.part[0], c.part[0])};
#elif defined(__AVX2__)
  return {_mm256_fmadd_ps(a.part[0], b.part[0], c.part[0]),
          _mm256_fmadd_ps(a.part[1], b.part[1], c.part[1])};
#else
  return a * b + c;
#endif
}

template <int kVectors>
struct Tile {
  Floats row[kTileRows][kVectors];
};

// tile += left right, with left [kTileRows][depth] of a block and right [depth][..], rows
// right_stride apart.
template <int kVectors>
LIGHTMAMBA_INLINE void accumulate(const float* left, const float* right, std::int64_t right_stride,
                                  std::int64_t depth, Tile<kVectors>& tile) {
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
    right += right_stride;
  }
}

// As many vectors at once as a tile has, then single ones. `body` is given a Tile of zeros and the
// place of its first vector.
template <typename Body>
LIGHTMAMBA_INLINE void for_each_tile(std::int64_t vectors, const Body& body) {
  std::int64_t v = 0;
  for (; v + kTileVectors <= vectors; v += kTileVectors) {
    Tile<kTileVectors> tile = {};
    body(tile, v * kLanes);
  }
  for (; v < vectors; ++v) {
    Tile<1> tile = {};
    body(tile, v * kLanes);
  }
}

// rows x columns <= 16 x 16 numbers to columns x rows, 0 in place of what is missing.
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

// from [rows][columns] to [columns][rows], both padded to 16 with zeros.
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

// from [rows][columns], padded to 16, to [columns][rows], not padded.
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

  for (std::int64_t i = 0; i < tokens; i += kTileRows) {
    // The others are above the diagonal.
    const std::int64_t vectors = i / kLanes + 1;
    for_each_tile(vectors, [&](auto& tile, std::int64_t j) __attribute__((always_inline)) {
      for (std::int64_t n = 0; n < d_state; n += kBlock) {
        accumulate(memory + layout.C_at + n * kBlock + i * kBlock,
                   memory + layout.B_at + n * kBlock + j, kBlock, smaller(kBlock, d_state - n),
                   tile);
      }
      for (int r = 0; r < kTileRows; ++r) {
        int v = 0;
        for (const Floats& scores : tile.row[r]) {
          store(memory + layout.scores_at + (i + r) * kBlock + j + kLanes * v++, scores);
        }
      }
    });
  }
}

// What one head multiplies with in one chunk.
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

// `value` in one lane, 0 in the others.
LIGHTMAMBA_INLINE Floats in_lane(int lane, float value) {
  return float_of(bits_of(all(value)) & load_bits(kOneLane.words + kLanes - lane));
}

// The mixing matrix of a head: dt_j a_{j+1} ... a_i scores[i][j], and D more on the diagonal.
// Products of decays rather than exponentials of differences, so that they are those of the
// recurrence, whatever a is.
inline void mix(const float* dt, const float* decay, std::int64_t stride, float D,
                const float* scores, std::int64_t tokens, float* mixing, Decays& decays) {
  Floats carried[kBlockVectors] = {};
  float product = 1;
  for (int diagonal = 0; diagonal < kBlockVectors; ++diagonal) {
    for (int lane = 0; lane < kLanes; ++lane) {
      const int i = diagonal * kLanes + lane;
      if (i >= tokens) break;
      const float a = decay[i * stride];
      product *= a;
      decays.from_start[i] = product;
      float* const row = mixing + i * kBlock;
      for (int v = 0; v <= diagonal; ++v) {
        carried[v] = carried[v] * all(a);
        if (v == diagonal) carried[v] = carried[v] + in_lane(lane, dt[i * stride]);
        Floats mixed = carried[v] * load(scores + i * kBlock + v * kLanes);
        if (v == diagonal) mixed = mixed + in_lane(lane, D);
        store(row + v * kLanes, mixed);
      }
    }
  }
  for (int v = 0; v < kBlockVectors; ++v) store(decays.to_end + v * kLanes, carried[v]);
}

inline void run_head_chunk(const ChunkArguments& a, const ChunkLayout& layout, std::int64_t head,
                           std::int64_t chunk, float* scratch) {
  const ChunkShape& shape = a.shape;
  const std::int64_t headdim = shape.headdim;
  const std::int64_t d_state = shape.d_state;
  const std::int64_t width = layout.width;
  const std::int64_t vectors = width / kLanes;
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

  Decays decays;
  mix(a.dt + first * shape.nheads + head, a.decay + first * shape.nheads + head, shape.nheads,
      a.D[head], shared + layout.scores_at, tokens, mixing, decays);
  // The next chunk's is far away, as rows are long.
  const std::int64_t ahead = smaller(shape.tokens - first - tokens, kBlock);
  for (std::int64_t j = 0; j < ahead; ++j) {
    for (std::int64_t p = 0; p < headdim; p += kLanes) {
      __builtin_prefetch(x + (tokens + j) * stride + p, 0, 2);
    }
  }
  for (std::int64_t j = 0; j < tokens; ++j) {
    for (std::int64_t p = 0; p < headdim; p += kLanes) {
      store(own_x + j * width + p, load_up_to(x + j * stride + p, headdim - p));
    }
  }

  for (std::int64_t i = 0; i < tokens; i += kTileRows) {
    for_each_tile(vectors, [&](auto& tile, std::int64_t p) __attribute__((always_inline)) {
      for (std::int64_t n = 0; n < d_state; n += kBlock) {
        accumulate(C + (n + i) * kBlock, h + n * width + p, width, smaller(kBlock, d_state - n),
                   tile);
      }
      for (int r = 0; r < kTileRows; ++r) {
        for (Floats& sum : tile.row[r]) sum = sum * all(decays.from_start[i + r]);
      }
      accumulate(mixing + i * kBlock, own_x + p, width, smaller(i + kTileRows, tokens), tile);
      for (int r = 0; r < kTileRows && i + r < tokens; ++r) {
        std::int64_t at = p;
        for (const Floats& sum : tile.row[r]) {
          store_up_to(y + (i + r) * d_inner + at, sum, headdim - at);
          at += kLanes;
        }
      }
    });
  }

  for (std::int64_t j = 0; j < tokens; ++j) {
    float* const row = own_x + j * width;
    for (std::int64_t p = 0; p < width; p += kLanes) {
      store(row + p, load(row + p) * all(decays.to_end[j]));
    }
  }
  const Floats kept = all(decays.from_start[tokens - 1]);
  for (std::int64_t n = 0; n < d_state; n += kTileRows) {
    for_each_tile(vectors, [&](auto& tile, std::int64_t p) __attribute__((always_inline)) {
      for (int r = 0; r < kTileRows; ++r) {
        int v = 0;
        for (Floats& sum : tile.row[r]) {
          sum = load(h + (n + r) * width + p + kLanes * v++) * kept;
        }
      }
      accumulate(B + n * kBlock, own_x + p, width, tokens, tile);
      for (int r = 0; r < kTileRows; ++r) {
        int v = 0;
        for (const Floats& sum : tile.row[r]) {
          store(h + (n + r) * width + p + kLanes * v++, sum);
        }
      }
    });
  }
}

inline void run_heads(const ChunkArguments& a, std::int64_t first_head, std::int64_t end_head,
                      float* scratch) {
  const ChunkLayout layout(a.shape);
  const std::int64_t headdim = a.shape.headdim;
  const std::int64_t d_state = a.shape.d_state;
  float* const h = scratch + layout.h_at;
  for (std::int64_t head = first_head; head < end_head; ++head) {
    float* const state = a.state + head * headdim * d_state;
    transpose_padded(state, d_state, headdim, d_state, h, layout.width);
    for (std::int64_t chunk = 0; chunk < chunk_count(a.shape); ++chunk) {
      run_head_chunk(a, layout, head, chunk, scratch);
    }
    transpose_unpadded(h, layout.width, d_state, headdim, state, d_state);
  }
}

inline constexpr ChunkKernels kChunkKernels = {.group = run_group, .heads = run_heads};

}  // namespace
}  // namespace lightmamba

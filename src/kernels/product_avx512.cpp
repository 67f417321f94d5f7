// The products with AVX-512 VNNI: each lane of a vector is a row. A tile of one or two row blocks
// and up to 12 tokens keeps its integer sums in registers over a group.
#if defined(__GNUC__) && !defined(__clang__)
#pragma GCC diagnostic ignored "-Wmaybe-uninitialized"  // false alarms within immintrin.h
#endif

#include <cstddef>
#include <cstring>
#include <immintrin.h>
#include <limits>
#include <utility>

#include "kernels/product.h"

namespace lightmamba {
namespace {

constexpr std::int64_t kRows = CodeFormat::kBlockRows;
constexpr float kNan = std::numeric_limits<float>::quiet_NaN();
constexpr int kMaxTokens = 12;                    // of a tile
constexpr std::int64_t kBlocksOfOneToken = 4;     // of a tile: streams from memory
constexpr std::int64_t kBytesAhead = 2048;        // of what memory is asked for
constexpr std::int64_t kTokenBytes = 256 * 1024;  // of codes that stay in the L2 cache

std::int64_t min(std::int64_t a, std::int64_t b) { return a < b ? a : b; }

// What all tiles of a product share.
struct Sizes {
  std::int64_t columns, group, groups;
  std::int64_t block_bytes, block_scales;  // of a row block
  std::int64_t code_stride, y_stride;
};

// What a tile reads and writes: pointers to its first row block and token.
struct Place {
  const std::uint8_t* codes;
  const std::uint16_t* scales;
  const std::int8_t* x;
  const float* x_scales;
  const std::int32_t* x_sums;
  float* y;
  std::int64_t rows;  // of y from here on
  float* total;       // scratch [blocks][tokens][16]: registers are for the sums of a group
};

__m512i broadcast(const std::int8_t* four_codes) {
  std::int32_t word = 0;
  std::memcpy(&word, four_codes, sizeof word);
  return _mm512_set1_epi32(word);
}

// A constant that is passed as an argument, so that arrays that it indexes become registers.
template <int Value>
struct Index {
  constexpr operator int() const { return Value; }  // NOLINT(google-explicit-constructor)
};

// body(Index<0>()), ..., body(Index<Count - 1>())
template <int Count, typename Body>
[[gnu::always_inline]] inline void repeat(Body body) {
  [&]<int... I>(std::integer_sequence<int, I...>) __attribute__((always_inline)) {
    (body(Index<I>()), ...);
  }
  (std::make_integer_sequence<int, Count>());
}

// As __m512i, which is of 64-bit integers, g++ would keep every sum in two registers.
using Int32x16 = std::int32_t __attribute__((vector_size(64)));

template <int Bits, int Blocks, int Tokens>
void multiply_tile(const Sizes& sizes, const Place& at) {
  constexpr int kColumns = Bits == 4 ? 8 : 4;  // of a vector
  constexpr int kParts = kColumns / 4;         // nibbles of a byte
  // A sum is added to every 4 cycles at most, twice a cycle in all.
  constexpr int kChains = Blocks * Tokens >= 8 ? 1 : Blocks * Tokens >= 4 ? 2 : 4;
  constexpr int kUnroll = kChains > kParts ? kChains / kParts : 1;
  const __m512i low_nibbles = _mm512_set1_epi8(15);

  // Copies, which no store changes.
  const std::int64_t groups = sizes.groups;
  const std::int64_t columns_left = sizes.columns;
  const std::int64_t group_columns = sizes.group;
  const std::int64_t block_bytes = sizes.block_bytes;
  const std::int64_t block_scales = sizes.block_scales;
  const std::int64_t code_stride = sizes.code_stride;
  float* const total = at.total;
  const std::uint16_t* scales = at.scales;
  const float* x_scales = at.x_scales;
  const std::int32_t* x_sums = at.x_sums;

  repeat<Blocks * Tokens>([&](auto i) __attribute__((always_inline)) {
    _mm512_store_ps(total + i * 16, _mm512_setzero_ps());
  });

  const std::uint8_t* codes = at.codes;
  const std::int8_t* x = at.x;
  // In a block's last bytes, what lies ahead are the blocks of the next tile.
  const std::int64_t last_bytes = block_bytes - kBytesAhead;
  for (std::int64_t g = 0; g < groups; ++g) {
    const std::int64_t ahead =
        codes - at.codes < last_bytes ? kBytesAhead : kBytesAhead + (Blocks - 1) * block_bytes;
    // The sums begin with what corrects for the offset of the codes.
    Int32x16 sum[kChains * Blocks * Tokens] = {};
    repeat<Tokens>([&](auto t) __attribute__((always_inline)) {
      const std::int32_t offset = x_sums[t * groups] * -(1 << (Bits - 1));
      repeat<Blocks>([&](auto b) __attribute__((always_inline)) {
        sum[b * Tokens + t] = reinterpret_cast<Int32x16>(_mm512_set1_epi32(offset));
      });
    });

    const auto add_vector = [&](auto chain) __attribute__((always_inline)) {
      __m512i vector[Blocks];
      repeat<Blocks>([&](auto b) __attribute__((always_inline)) {
        vector[b] = _mm512_loadu_si512(codes + b * block_bytes);
        _mm_prefetch(codes + b * block_bytes + ahead, _MM_HINT_T0);
      });
      repeat<kParts>([&](auto part) __attribute__((always_inline)) {
        __m512i w[Blocks];
        repeat<Blocks>([&](auto b) __attribute__((always_inline)) {
          const __m512i shifted = part == 0 ? vector[b] : _mm512_srli_epi16(vector[b], 4);
          w[b] = Bits == 4 ? _mm512_and_si512(shifted, low_nibbles) : shifted;
        });
        repeat<Tokens>([&](auto t) __attribute__((always_inline)) {
          const __m512i word = broadcast(x + t * code_stride + 4 * part);
          repeat<Blocks>([&](auto b) __attribute__((always_inline)) {
            Int32x16& to = sum[((chain + part) % kChains * Blocks + b) * Tokens + t];
            to = reinterpret_cast<Int32x16>(
                _mm512_dpbusd_epi32(reinterpret_cast<__m512i>(to), w[b], word));
          });
        });
      });
      codes += CodeFormat::kUnitBytes;
      x += kColumns;
    };
    const std::int64_t columns = min(group_columns, columns_left - g * group_columns);
    std::int64_t vectors = (columns + kColumns - 1) / kColumns;
    for (; vectors >= kUnroll; vectors -= kUnroll) {
      repeat<kUnroll>([&](auto u)
                          __attribute__((always_inline)) { add_vector(Index<u * kParts>()); });
    }
    for (; vectors > 0; --vectors) add_vector(Index<0>());

    __m512 scale[Blocks];
    repeat<Blocks>([&](auto b) __attribute__((always_inline)) {
      const std::uint16_t* const halves = scales + b * block_scales;
      scale[b] = _mm512_cvtph_ps(_mm256_loadu_si256(reinterpret_cast<const __m256i*>(halves)));
    });
    // Without this, g++ keeps copies of all totals on the stack.
    asm volatile("" : : "r"(total) : "memory");
    repeat<Tokens>([&](auto t) __attribute__((always_inline)) {
      const __m512 x_scale = _mm512_set1_ps(x_scales[t * groups]);
      repeat<Blocks>([&](auto b) __attribute__((always_inline)) {
        Int32x16 dot = sum[b * Tokens + t];
        repeat<kChains - 1>([&](auto c) __attribute__((always_inline)) {
          dot += sum[((c + 1) * Blocks + b) * Tokens + t];
        });
        float* const so_far = total + (b * Tokens + t) * 16;
        _mm512_store_ps(so_far,
                        _mm512_fmadd_ps(_mm512_cvtepi32_ps(reinterpret_cast<__m512i>(dot)),
                                        _mm512_mul_ps(scale[b], x_scale), _mm512_load_ps(so_far)));
      });
    });
    scales += kRows;
    ++x_scales;
    ++x_sums;
  }

  for (int b = 0; b < Blocks; ++b) {
    const std::int64_t rows = min(kRows, at.rows - b * kRows);
    const auto mask = static_cast<__mmask16>((1U << rows) - 1);
    for (int t = 0; t < Tokens; ++t) {
      _mm512_mask_storeu_ps(at.y + t * sizes.y_stride + b * kRows, mask,
                            _mm512_load_ps(total + (b * Tokens + t) * 16));
    }
  }
}

using Tile = void (*)(const Sizes& sizes, const Place& at);

template <int Bits, int Blocks>
Tile tile_of(std::int64_t tokens) {
  static constexpr Tile kTiles[kMaxTokens] = {
      multiply_tile<Bits, Blocks, 1>,  multiply_tile<Bits, Blocks, 2>,
      multiply_tile<Bits, Blocks, 3>,  multiply_tile<Bits, Blocks, 4>,
      multiply_tile<Bits, Blocks, 5>,  multiply_tile<Bits, Blocks, 6>,
      multiply_tile<Bits, Blocks, 7>,  multiply_tile<Bits, Blocks, 8>,
      multiply_tile<Bits, Blocks, 9>,  multiply_tile<Bits, Blocks, 10>,
      multiply_tile<Bits, Blocks, 11>, multiply_tile<Bits, Blocks, 12>};
  return kTiles[tokens - 1];
}

Tile tile_of(int bits, std::int64_t blocks, std::int64_t tokens) {
  if (blocks == kBlocksOfOneToken) {
    return bits == 4 ? multiply_tile<4, kBlocksOfOneToken, 1>
                     : multiply_tile<8, kBlocksOfOneToken, 1>;
  }
  if (bits == 4) return blocks == 1 ? tile_of<4, 1>(tokens) : tile_of<4, 2>(tokens);
  return blocks == 1 ? tile_of<8, 1>(tokens) : tile_of<8, 2>(tokens);
}

void multiply_rows(const PackedWeights& weights, std::int64_t first, std::int64_t last,
                   const QuantizedRows& x, float* y, std::int64_t y_stride) {
  const Sizes sizes = {weights.columns,
                       weights.format.group,
                       weights.format.groups(weights.columns),
                       weights.format.block_bytes(weights.columns),
                       weights.format.block_scales(weights.columns),
                       code_stride(weights.columns),
                       y_stride};
  alignas(64) float total[2 * kMaxTokens * kRows];
  const std::int64_t max_blocks = x.tokens == 1 ? kBlocksOfOneToken : 2;
  // Tiles are of even size; as many go over the weights in turn as stay in the cache.
  const std::int64_t tiles = (x.tokens + kMaxTokens - 1) / kMaxTokens;
  const std::int64_t at_once = 1 + kTokenBytes / (kMaxTokens * sizes.code_stride);
  for (std::int64_t part = 0; part < tiles; part += at_once) {
    for (std::int64_t block = first, blocks = 0; block < last; block += blocks) {
      blocks = min(max_blocks, last - block);
      if (blocks == 3) blocks = 2;
      for (std::int64_t tile = part; tile < min(part + at_once, tiles); ++tile) {
        const std::int64_t token = x.tokens * tile / tiles;
        const std::int64_t tokens = x.tokens * (tile + 1) / tiles - token;
        tile_of(weights.format.bits, blocks, tokens)(
            sizes,
            {weights.codes + block * sizes.block_bytes, weights.scales + block * sizes.block_scales,
             x.codes + token * sizes.code_stride, x.scales + token * sizes.groups,
             x.sums + token * sizes.groups, y + token * y_stride + block * kRows,
             weights.rows - block * kRows, total});
      }
    }
  }
}

__mmask16 lanes(std::int64_t count) {
  return static_cast<__mmask16>(count >= 16 ? 0xffffU : (1U << count) - 1);
}

void quantize_group(const RowQuantizer& q, const float* x, std::int64_t count, std::int8_t* codes,
                    float& group_scale, std::int32_t& group_sum) {
  __m512 lows = _mm512_setzero_ps();
  __m512 highs = lows;
  __m512 differences = lows;  // NaN where a value is not finite
  for (std::int64_t i = 0; i < count; i += 16) {
    const __m512 values = _mm512_maskz_loadu_ps(lanes(count - i), x + i);
    lows = _mm512_min_ps(lows, values);
    highs = _mm512_max_ps(highs, values);
    differences = _mm512_add_ps(differences, _mm512_sub_ps(values, values));
  }
  const float low = _mm512_reduce_min_ps(lows);
  const float high = _mm512_reduce_max_ps(highs);
  const bool finite = _mm512_cmp_ps_mask(differences, differences, _CMP_UNORD_Q) == 0;
  if (!finite || high - low < 1e-30F) {
    std::memset(codes, 0, static_cast<std::size_t>(count));
    group_scale = finite ? 0.0F : kNan;
    group_sum = 0;
    return;
  }
  const auto half = static_cast<float>(1 << (q.bits - 1));
  const float magnitude = q.clip * (-low >= high ? -low : high);
  const float scale = !q.full_range  ? magnitude / (half - 1)
                      : -low >= high ? magnitude / half
                                     : -(magnitude / half);
  const __m512 inverse = _mm512_set1_ps(1.0F / scale);
  const __m512 lowest = _mm512_set1_ps(q.full_range ? -half : 1 - half);
  const __m512 highest = _mm512_set1_ps(half - 1);
  __m512i sums = _mm512_setzero_si512();
  for (std::int64_t i = 0; i < count; i += 16) {
    const __mmask16 mask = lanes(count - i);
    const __m512 scaled = _mm512_mul_ps(_mm512_maskz_loadu_ps(mask, x + i), inverse);
    const __m512i rounded =
        _mm512_maskz_cvtps_epi32(mask, _mm512_min_ps(_mm512_max_ps(scaled, lowest), highest));
    _mm512_mask_cvtepi32_storeu_epi8(codes + i, mask, rounded);
    sums = _mm512_add_epi32(sums, rounded);
  }
  group_scale = scale;
  group_sum = _mm512_reduce_add_epi32(sums);
}

void quantize(const RowQuantizer& quantizer, const float* x, std::int64_t x_stride,
              const QuantizedRows& out) {
  const std::int64_t groups = group_count(out.columns, out.group);
  const std::int64_t stride = code_stride(out.columns);
  for (std::int64_t t = 0; t < out.tokens; ++t) {
    std::int8_t* const codes = out.codes + t * stride;
    for (std::int64_t g = 0; g < groups; ++g) {
      const std::int64_t begin = g * out.group;
      quantize_group(quantizer, x + t * x_stride + begin, min(out.group, out.columns - begin),
                     codes + begin, out.scales[t * groups + g], out.sums[t * groups + g]);
    }
    std::memset(codes + out.columns, 0, static_cast<std::size_t>(stride - out.columns));
  }
}

}  // namespace

const ProductKernels kAvx512Products = {quantize, multiply_rows};

}  // namespace lightmamba

// The products with AVX2, which has no exact product of bytes. Each lane of a vector is a row, so a
// row block is two vectors.
#include <cstddef>
#include <cstring>
#include <immintrin.h>
#include <limits>

#include "kernels/product.h"

namespace lightmamba {
namespace {

constexpr std::int64_t kRows = CodeFormat::kBlockRows;
constexpr float kNan = std::numeric_limits<float>::quiet_NaN();
constexpr int kMaxTokens = 4;  // of a tile

std::int64_t min(std::int64_t a, std::int64_t b) { return a < b ? a : b; }

// What all tiles of a product share.
struct Sizes {
  std::int64_t columns, group, groups;
  std::int64_t code_stride, y_stride;
};

// What a tile reads and writes: pointers to its row block and first token.
struct Place {
  const std::uint8_t* codes;
  const std::uint16_t* scales;
  const std::int8_t* x;
  const float* x_scales;
  const std::int32_t* x_sums;
  float* y;
  std::int64_t rows;  // of y
};

__m256i load(const std::uint8_t* bytes) {
  return _mm256_loadu_si256(reinterpret_cast<const __m256i*>(bytes));
}

__m256i broadcast(const std::int8_t* four_codes) {
  std::int32_t word = 0;
  std::memcpy(&word, four_codes, sizeof word);
  return _mm256_set1_epi32(word);
}

// Sums of a group, exact. `Halves` of a row block's 16 rows are computed, from `codes` on.
template <int Bits, int Halves, int Tokens>
struct GroupSums;

template <int Halves, int Tokens>
struct GroupSums<4, Halves, Tokens> {
  static constexpr int kColumns = 8;

  static __attribute__((always_inline)) void compute(const std::uint8_t* codes,
                                                     const std::int8_t* x, std::int64_t stride,
                                                     std::int64_t vectors,
                                                     __m256i (&sum)[Halves][Tokens]) {
    const __m256i low_nibbles = _mm256_set1_epi8(15);
    const __m256i ones = _mm256_set1_epi16(1);
    while (vectors > 0) {
      // Four vectors add at most 4 * 4 * 15 * 128 = 30720 to a 16-bit sum.
      const std::int64_t several = min(vectors, 4);
      __m256i narrow[Halves][Tokens];
#pragma GCC unroll 2
      for (int h = 0; h < Halves; ++h) {
#pragma GCC unroll 4
        for (int t = 0; t < Tokens; ++t) narrow[h][t] = _mm256_setzero_si256();
      }
      for (std::int64_t v = 0; v < several; ++v) {
        __m256i low[Halves];
        __m256i high[Halves];
#pragma GCC unroll 2
        for (int h = 0; h < Halves; ++h) {
          const __m256i bytes = load(codes + h * 32);
          low[h] = _mm256_and_si256(bytes, low_nibbles);
          high[h] = _mm256_and_si256(_mm256_srli_epi16(bytes, 4), low_nibbles);
        }
#pragma GCC unroll 4
        for (int t = 0; t < Tokens; ++t) {
          const __m256i first = broadcast(x + t * stride);
          const __m256i second = broadcast(x + t * stride + 4);
#pragma GCC unroll 2
          for (int h = 0; h < Halves; ++h) {
            const __m256i products = _mm256_add_epi16(_mm256_maddubs_epi16(low[h], first),
                                                      _mm256_maddubs_epi16(high[h], second));
            narrow[h][t] = _mm256_add_epi16(narrow[h][t], products);
          }
        }
        codes += CodeFormat::kUnitBytes;
        x += kColumns;
      }
#pragma GCC unroll 2
      for (int h = 0; h < Halves; ++h) {
#pragma GCC unroll 4
        for (int t = 0; t < Tokens; ++t) {
          sum[h][t] = _mm256_add_epi32(sum[h][t], _mm256_madd_epi16(narrow[h][t], ones));
        }
      }
      vectors -= several;
    }
  }
};

template <int Halves, int Tokens>
struct GroupSums<8, Halves, Tokens> {
  static constexpr int kColumns = 4;

  static __attribute__((always_inline)) void compute(const std::uint8_t* codes,
                                                     const std::int8_t* x, std::int64_t stride,
                                                     std::int64_t vectors,
                                                     __m256i (&sum)[Halves][Tokens]) {
    const __m256i even_bytes = _mm256_set1_epi16(255);
    for (std::int64_t v = 0; v < vectors; ++v) {
      __m256i even[Halves];
      __m256i odd[Halves];
#pragma GCC unroll 2
      for (int h = 0; h < Halves; ++h) {
        const __m256i bytes = load(codes + h * 32);
        even[h] = _mm256_and_si256(bytes, even_bytes);
        odd[h] = _mm256_srli_epi16(bytes, 8);
      }
#pragma GCC unroll 4
      for (int t = 0; t < Tokens; ++t) {
        const __m256i word = broadcast(x + t * stride);
        const __m256i x_even = _mm256_srai_epi16(_mm256_slli_epi16(word, 8), 8);
        const __m256i x_odd = _mm256_srai_epi16(word, 8);
#pragma GCC unroll 2
        for (int h = 0; h < Halves; ++h) {
          const __m256i products = _mm256_add_epi32(_mm256_madd_epi16(even[h], x_even),
                                                    _mm256_madd_epi16(odd[h], x_odd));
          sum[h][t] = _mm256_add_epi32(sum[h][t], products);
        }
      }
      codes += CodeFormat::kUnitBytes;
      x += kColumns;
    }
  }
};

template <int Bits, int Halves, int Tokens>
void multiply_tile(const Sizes& sizes, const Place& at) {
  using Sums = GroupSums<Bits, Halves, Tokens>;
  const std::int64_t group_vectors = sizes.group / Sums::kColumns;

  __m256 total[Halves][Tokens];
#pragma GCC unroll 2
  for (int h = 0; h < Halves; ++h) {
#pragma GCC unroll 4
    for (int t = 0; t < Tokens; ++t) total[h][t] = _mm256_setzero_ps();
  }
  for (std::int64_t g = 0; g < sizes.groups; ++g) {
    __m256i sum[Halves][Tokens];
#pragma GCC unroll 2
    for (int h = 0; h < Halves; ++h) {
#pragma GCC unroll 4
      for (int t = 0; t < Tokens; ++t) sum[h][t] = _mm256_setzero_si256();
    }
    const std::int64_t columns = min(sizes.group, sizes.columns - g * sizes.group);
    Sums::compute(at.codes + g * group_vectors * 64, at.x + g * sizes.group, sizes.code_stride,
                  (columns + Sums::kColumns - 1) / Sums::kColumns, sum);
#pragma GCC unroll 2
    for (int h = 0; h < Halves; ++h) {
      const std::uint16_t* const halves = at.scales + g * kRows + h * 8;
      const __m256 scale =
          _mm256_cvtph_ps(_mm_loadu_si128(reinterpret_cast<const __m128i*>(halves)));
#pragma GCC unroll 4
      for (int t = 0; t < Tokens; ++t) {
        const __m256i offset =
            _mm256_slli_epi32(_mm256_set1_epi32(at.x_sums[t * sizes.groups + g]), Bits - 1);
        const __m256 x_scale = _mm256_set1_ps(at.x_scales[t * sizes.groups + g]);
        total[h][t] = _mm256_fmadd_ps(_mm256_cvtepi32_ps(_mm256_sub_epi32(sum[h][t], offset)),
                                      _mm256_mul_ps(scale, x_scale), total[h][t]);
      }
    }
  }
#pragma GCC unroll 4
  for (int t = 0; t < Tokens; ++t) {
#pragma GCC unroll 2
    for (int h = 0; h < Halves; ++h) {
      float* const y = at.y + t * sizes.y_stride + h * 8;
      const std::int64_t rows = at.rows - h * 8;
      if (rows >= 8) {
        _mm256_storeu_ps(y, total[h][t]);
      } else if (rows > 0) {
        alignas(32) float values[8];
        _mm256_store_ps(values, total[h][t]);
        std::memcpy(y, values, static_cast<std::size_t>(rows) * sizeof(float));
      }
    }
  }
}

// Where two halves of sums do not fit in the registers, they are computed one after the other.
template <int Bits, int Tokens>
void multiply_block(const Sizes& sizes, Place at) {
  if constexpr (Bits == 8 || Tokens == 1) {
    multiply_tile<Bits, 2, Tokens>(sizes, at);
  } else {
    multiply_tile<Bits, 1, Tokens>(sizes, at);
    at.codes += 32;
    at.scales += 8;
    at.y += 8;
    at.rows -= 8;
    multiply_tile<Bits, 1, Tokens>(sizes, at);
  }
}

template <int Bits>
void multiply_tokens(const Sizes& sizes, const Place& at, std::int64_t tokens) {
  if (tokens == 1) return multiply_block<Bits, 1>(sizes, at);
  if (tokens == 2) return multiply_block<Bits, 2>(sizes, at);
  if (tokens == 3) return multiply_block<Bits, 3>(sizes, at);
  multiply_block<Bits, 4>(sizes, at);
}

void multiply_rows(const PackedWeights& weights, std::int64_t first, std::int64_t last,
                   const QuantizedRows& x, float* y, std::int64_t y_stride) {
  const Sizes sizes = {weights.columns, weights.format.group,
                       weights.format.groups(weights.columns), code_stride(weights.columns),
                       y_stride};
  const std::int64_t block_bytes = weights.format.block_bytes(weights.columns);
  const std::int64_t block_scales = weights.format.block_scales(weights.columns);
  const std::int64_t tiles = (x.tokens + kMaxTokens - 1) / kMaxTokens;
  for (std::int64_t block = first; block < last; ++block) {
    for (std::int64_t tile = 0; tile < tiles; ++tile) {
      const std::int64_t token = x.tokens * tile / tiles;
      const std::int64_t tokens = x.tokens * (tile + 1) / tiles - token;
      const Place at = {weights.codes + block * block_bytes, weights.scales + block * block_scales,
                        x.codes + token * sizes.code_stride, x.scales + token * sizes.groups,
                        x.sums + token * sizes.groups,       y + token * y_stride + block * kRows,
                        weights.rows - block * kRows};
      if (weights.format.bits == 4) {
        multiply_tokens<4>(sizes, at, tokens);
      } else {
        multiply_tokens<8>(sizes, at, tokens);
      }
    }
  }
}

// Masks of the first lanes: kLanes + 8 - n has n set.
alignas(32) constexpr std::int32_t kLanes[16] = {-1, -1, -1, -1, -1, -1, -1, -1};

__m256i lanes(std::int64_t count) {
  return _mm256_loadu_si256(reinterpret_cast<const __m256i*>(kLanes + 8 - min(count, 8)));
}

float reduce(__m256 values, __m128 (*of_two)(__m128, __m128)) {
  __m128 v = of_two(_mm256_castps256_ps128(values), _mm256_extractf128_ps(values, 1));
  v = of_two(v, _mm_movehl_ps(v, v));
  return _mm_cvtss_f32(of_two(v, _mm_shuffle_ps(v, v, 1)));
}

void quantize_group(const RowQuantizer& q, const float* x, std::int64_t count, std::int8_t* codes,
                    float& group_scale, std::int32_t& group_sum) {
  __m256 lows = _mm256_setzero_ps();
  __m256 highs = lows;
  __m256 differences = lows;  // NaN where a value is not finite
  for (std::int64_t i = 0; i < count; i += 8) {
    const __m256 values = _mm256_maskload_ps(x + i, lanes(count - i));
    lows = _mm256_min_ps(lows, values);
    highs = _mm256_max_ps(highs, values);
    differences = _mm256_add_ps(differences, _mm256_sub_ps(values, values));
  }
  const float low = reduce(lows, [](__m128 a, __m128 b) { return _mm_min_ps(a, b); });
  const float high = reduce(highs, [](__m128 a, __m128 b) { return _mm_max_ps(a, b); });
  const bool finite =
      _mm256_movemask_ps(_mm256_cmp_ps(differences, differences, _CMP_UNORD_Q)) == 0;
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
  const __m256 inverse = _mm256_set1_ps(1.0F / scale);
  const __m256 lowest = _mm256_set1_ps(q.full_range ? -half : 1 - half);
  const __m256 highest = _mm256_set1_ps(half - 1);
  __m256i sums = _mm256_setzero_si256();
  for (std::int64_t i = 0; i < count; i += 8) {
    const __m256i mask = lanes(count - i);
    const __m256 scaled = _mm256_mul_ps(_mm256_maskload_ps(x + i, mask), inverse);
    const __m256i rounded = _mm256_and_si256(
        mask, _mm256_cvtps_epi32(_mm256_min_ps(_mm256_max_ps(scaled, lowest), highest)));
    sums = _mm256_add_epi32(sums, rounded);
    const __m128i words =
        _mm_packs_epi32(_mm256_castsi256_si128(rounded), _mm256_extracti128_si256(rounded, 1));
    const std::int64_t bytes = _mm_cvtsi128_si64(_mm_packs_epi16(words, words));
    std::memcpy(codes + i, &bytes, static_cast<std::size_t>(min(count - i, 8)));
  }
  group_scale = scale;
  __m128i s = _mm_add_epi32(_mm256_castsi256_si128(sums), _mm256_extracti128_si256(sums, 1));
  s = _mm_add_epi32(s, _mm_shuffle_epi32(s, _MM_SHUFFLE(1, 0, 3, 2)));
  group_sum = _mm_cvtsi128_si32(_mm_add_epi32(s, _mm_shuffle_epi32(s, 1)));
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

const ProductKernels kAvx2Products = {quantize, multiply_rows};

}  // namespace lightmamba

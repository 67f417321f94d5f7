// Multiplication by a Hadamard matrix for the instruction set of the including file.
#pragma once

#include "kernels/elements.h"
#include "kernels/lanes.h"

namespace lightmamba {
namespace {

// Applies H_32 to the 32 numbers of a and b. Taking sums and differences of neighbours also rotates
// the five bits of a number's place by one, so after five times all are in place again.
LIGHTMAMBA_INLINE void butterfly_32(Floats& a, Floats& b) {
  for (int stage = 0; stage < 5; ++stage) {
    const Floats even = evens(a, b);
    const Floats odd = odds(a, b);
    a = even + odd;
    b = even - odd;
  }
}

// Transforms blocks of n = 16 kVectors numbers.
template <int kVectors>
LIGHTMAMBA_INLINE void butterfly_blocks(const float* from, std::int64_t d, float scale, float* to) {
  for (std::int64_t at = 0; at < d; at += kVectors * kLanes) {
    Floats x[kVectors];
    for (int i = 0; i < kVectors; ++i) x[i] = load(from + at + i * kLanes) * all(scale);
    for (int i = 0; i < kVectors; i += 2) butterfly_32(x[i], x[i + 1]);
    for (int step = 2; step < kVectors; step *= 2) {
      for (int i = 0; i < kVectors; ++i) {
        if ((i & step) != 0) continue;
        const Floats sum = x[i] + x[i + step];
        x[i + step] = x[i] - x[i + step];
        x[i] = sum;
      }
    }
    for (int i = 0; i < kVectors; ++i) store(to + at + i * kLanes, x[i]);
  }
}

// Does one stage of pairs `step` apart, in place.
inline void butterfly_stage(float* x, std::int64_t d, std::int64_t step) {
  for (std::int64_t block = 0; block < d; block += 2 * step) {
    float* a = x + block;
    float* b = a + step;
    std::int64_t i = 0;
    for (; i + kLanes <= step; i += kLanes) {
      const Floats left = load(a + i);
      const Floats right = load(b + i);
      store(a + i, left + right);
      store(b + i, left - right);
    }
    for (; i < step; ++i) {
      const float sum = a[i] + b[i];
      b[i] = a[i] - b[i];
      a[i] = sum;
    }
  }
}

inline void butterfly(const float* from, std::int64_t d, std::int64_t n, float scale, float* to) {
  if (n == 128) return butterfly_blocks<8>(from, d, scale, to);
  if (n == 64) return butterfly_blocks<4>(from, d, scale, to);
  for (std::int64_t i = 0; i < d; ++i) to[i] = from[i] * scale;
  for (std::int64_t step = 1; step < n; step *= 2) butterfly_stage(to, d, step);
}

// Computes kRows outputs of kColumns vectors. Products with +1 and -1 are exact, so it does not
// matter whether the sum is fused.
template <int kRows, int kColumns>
LIGHTMAMBA_INLINE void mix_tile(const float* matrix, std::int64_t order, const float* from,
                                std::int64_t run, float* to) {
  Floats sums[kRows][kColumns];
  for (int r = 0; r < kRows; ++r) {
    for (int c = 0; c < kColumns; ++c) sums[r][c] = all(0.0F);
  }
  for (std::int64_t k = 0; k < order; ++k) {
    Floats input[kColumns];
    for (int c = 0; c < kColumns; ++c) input[c] = load(from + k * run + c * kLanes);
    for (int r = 0; r < kRows; ++r) {
      const Floats entry = all(matrix[r * order + k]);
      for (int c = 0; c < kColumns; ++c) sums[r][c] = sums[r][c] + entry * input[c];
    }
  }
  for (int r = 0; r < kRows; ++r) {
    for (int c = 0; c < kColumns; ++c) store(to + r * run + c * kLanes, sums[r][c]);
  }
}

// A register file of 32 holds more sums than one of 16.
inline constexpr int kMixColumns = kNative == 16 ? 4 : 1;
inline constexpr int kMixRows = kNative == 16 ? 4 : kNative == 8 ? 4 : 2;

// Computes to = (M (x) I) from, both [order][run].
inline void mix(const float* matrix, std::int64_t order, const float* from, std::int64_t run,
                float* to) {
  std::int64_t column = 0;
  const auto columns = [&](auto tile_rows, auto tile_row, std::int64_t width) {
    for (; column + width <= run; column += width) {
      std::int64_t row = 0;
      for (; row + kMixRows <= order; row += kMixRows) {
        tile_rows(matrix + row * order, from + column, to + row * run + column);
      }
      for (; row < order; ++row) {
        tile_row(matrix + row * order, from + column, to + row * run + column);
      }
    }
  };
  columns([&](const float* m, const float* in,
              float* out) { mix_tile<kMixRows, kMixColumns>(m, order, in, run, out); },
          [&](const float* m, const float* in, float* out) {
            mix_tile<1, kMixColumns>(m, order, in, run, out);
          },
          kMixColumns * kLanes);
  columns(
      [&](const float* m, const float* in, float* out) {
        mix_tile<kMixRows, 1>(m, order, in, run, out);
      },
      [&](const float* m, const float* in, float* out) { mix_tile<1, 1>(m, order, in, run, out); },
      kLanes);
  for (; column < run; ++column) {
    for (std::int64_t row = 0; row < order; ++row) {
      float sum = 0;
      for (std::int64_t k = 0; k < order; ++k) {
        sum += matrix[row * order + k] * from[k * run + column];
      }
      to[row * run + column] = sum;
    }
  }
}

inline void hadamard(const HadamardArguments& a, float* x) {
  const auto scale = static_cast<float>(1.0 / __builtin_sqrt(static_cast<double>(a.d)));
  if (a.order == 1) {
    butterfly(x, a.d, a.n, scale, x);
  } else {
    butterfly(x, a.d, a.n, scale, a.scratch);
    const std::int64_t area = a.order * a.n;
    for (std::int64_t at = 0; at < a.d; at += area) {
      mix(a.matrix, a.order, a.scratch + at, a.n, x + at);
    }
  }
  for (std::int64_t step = a.order * a.n; step < a.d; step *= 2) butterfly_stage(x, a.d, step);
}

}  // namespace
}  // namespace lightmamba

// Hadamard matrices, and multiplying by a normalised one fast.
//
// Orders come from Paley's two constructions (J. Math. Phys. 12, 1933) over the integers modulo a
// prime, or else over a field of a prime power's order, and from Sylvester's doubling
// H_2m = H_2 (x) H_m.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "base/buffer.h"

namespace lightmamba {

// Row-major [order, order] of +1 and -1 with H Hᵀ = order I. A power of two gives Sylvester's
// order, H[i][j] = (-1)^popcount(i & j). Throws Error naming the order where none of the
// constructions applies.
std::vector<std::int8_t> hadamard_matrix(std::int64_t order);

// How a dimension d = m n is transformed: H_d = H_m (x) H_n with n a power of two.
struct HadamardShape {
  std::int64_t m, n;
  bool operator==(const HadamardShape&) const = default;
};

inline constexpr std::int64_t kLargestButterfly = 128;

// The largest n up to kLargestButterfly for which an H_m can be built. Throws Error naming d where
// there is none.
HadamardShape hadamard_shape(std::int64_t d);

// x = (H_n (x) I) x, not normalised, in log2(n) stages of additions. `x` is [n, run] with
// run = x.size() / n; n is a power of two.
void hadamard_butterfly(std::span<float> x, std::int64_t n);

// x = (M (x) I) x for a dense row-major M[m, m]. `x` is [m, run] with run = x.size() / m.
void hadamard_mix(std::span<float> x, std::span<const float> matrix, std::int64_t m);

// The order o of the Hadamard matrix that rotates d channels: d itself where a construction is
// known, else c 2^k with c = 4, 8 ... 60, the largest up to d: never below d / 2, and above 8/9 d
// from d = 32 on. The d channels are then rotated in two steps, the first o of them and, after a
// change of signs, the last o, which overlap. Throws Error where d is below 1.
std::int64_t rotation_order(std::int64_t d);

// What the d channels are multiplied by between the steps, +1 or -1, always the same: without it
// the second step would undo most of the first. Empty where there is one step.
std::vector<float> signs_between_steps(std::int64_t d);

// Multiplication by an orthogonal H of order d: (H_m (x) H_n) / sqrt(d) of hadamard_shape(d), or
// the two steps of rotation_order(d). May be used from several threads; runs in parallel itself,
// with the same result at any number of threads.
class HadamardTransform {
 public:
  explicit HadamardTransform(std::int64_t d);  // throws as rotation_order does

  std::int64_t size() const { return d_; }
  HadamardShape shape() const { return shape_; }  // of each step

  // Each row x of `rows`, row-major [any, d], becomes H x or Hᵀ x. Throws Error if `rows` is not a
  // whole number of rows.
  void apply(std::span<float> rows) const { transform_rows(rows, Direction::forward); }
  void apply_transposed(std::span<float> rows) const {
    transform_rows(rows, Direction::transposed);
  }

  // M = H M or Hᵀ M for a row-major M[d, columns].
  void apply_columns(std::span<float> matrix, std::int64_t columns) const {
    transform_columns(matrix, columns, Direction::forward);
  }
  void apply_columns_transposed(std::span<float> matrix, std::int64_t columns) const {
    transform_columns(matrix, columns, Direction::transposed);
  }

 private:
  enum class Direction { forward, transposed };
  void transform(std::span<float> x, Direction direction) const;
  void transform_part(std::span<float> x, const AlignedVector<float>& mix) const;
  void transform_rows(std::span<float> rows, Direction direction) const;
  void transform_columns(std::span<float> matrix, std::int64_t columns, Direction direction) const;

  std::int64_t d_;
  std::int64_t order_;        // rotation_order(d)
  std::vector<float> signs_;  // signs_between_steps(d)
  HadamardShape shape_;       // of the order
  std::int64_t seed_order_;   // m without the doublings, which are done as butterflies
  AlignedVector<float> mix_;  // [seed_order, seed_order]
  AlignedVector<float> mix_transposed_;
};

// +1 or -1, each with probability one half, the same for a seed on every machine. Splitmix64:
// Steele, Lea, Flood, "Fast splittable pseudorandom number generators", OOPSLA 2014.
std::vector<float> random_signs(std::int64_t count, std::uint64_t seed);

}  // namespace lightmamba

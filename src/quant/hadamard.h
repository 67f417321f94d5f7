// Hadamard matrices, and fast multiplication by a normalised one.
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

// Returns a row-major [order, order] of +1 and -1 with H Hᵀ = order I. A power of two gives
// Sylvester's order, H[i][j] = (-1)^popcount(i & j). Throws Error that names the order if none of
// the constructions applies.
std::vector<std::int8_t> hadamard_matrix(std::int64_t order);

// The factors of the transform of a dimension d = m n: H_d = H_m (x) H_n with n a power of two.
struct HadamardShape {
  std::int64_t m, n;
  bool operator==(const HadamardShape&) const = default;
};

inline constexpr std::int64_t kLargestButterfly = 128;

// Returns the largest n up to kLargestButterfly for which an H_m can be built. Throws Error that
// names d if there is none.
HadamardShape hadamard_shape(std::int64_t d);

// Computes x = (H_n (x) I) x, not normalised, in log2(n) stages of additions. `x` is [n, run] with
// run = x.size() / n; n is a power of two.
void hadamard_butterfly(std::span<float> x, std::int64_t n);

// Computes x = (M (x) I) x for a dense row-major M[m, m]. `x` is [m, run] with run = x.size() / m.
void hadamard_mix(std::span<float> x, std::span<const float> matrix, std::int64_t m);

// Returns the order o of the Hadamard matrix that rotates d channels: d itself if a construction is
// known, else the largest c 2^k up to d with c = 4, 8 ... 60, which is never below d / 2, and above
// 8/9 d from d = 32 on. The d channels are then rotated in two steps, the first o of them and,
// after a change of signs, the last o, which overlap. Throws Error if d is below 1.
std::int64_t rotation_order(std::int64_t d);

// Returns the signs, +1 or -1, by which the d channels are multiplied between the steps; they are
// always the same. Without them the second step would undo most of the first. Empty if there is one
// step.
std::vector<float> signs_between_steps(std::int64_t d);

// Multiplication by an orthogonal H of order d: (H_m (x) H_n) / sqrt(d) of hadamard_shape(d), or
// the two steps of rotation_order(d). Several threads may use it; it runs in parallel itself, with
// the same result at any number of threads.
class HadamardTransform {
 public:
  explicit HadamardTransform(std::int64_t d);  // throws as rotation_order does

  std::int64_t size() const { return d_; }
  HadamardShape shape() const { return shape_; }  // order of each step

  // Replaces each row x of `rows`, row-major [any, d], by H x or Hᵀ x. Throws Error if `rows` is
  // not a whole number of rows.
  void apply(std::span<float> rows) const { transform_rows(rows, Direction::forward); }
  void apply_transposed(std::span<float> rows) const {
    transform_rows(rows, Direction::transposed);
  }

  // Computes M = H M or Hᵀ M for a row-major M[d, columns].
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
  HadamardShape shape_;       // factors of the order
  std::int64_t seed_order_;   // m without the doublings, which are done as butterflies
  AlignedVector<float> mix_;  // [seed_order, seed_order]
  AlignedVector<float> mix_transposed_;
};

// Returns +1 or -1, each with probability one half, the same for a seed on every machine.
// Splitmix64: Steele, Lea, Flood, "Fast splittable pseudorandom number generators", OOPSLA 2014.
std::vector<float> random_signs(std::int64_t count, std::uint64_t seed);

}  // namespace lightmamba

#include "quant/hadamard.h"

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <optional>

#include "base/fail.h"
#include "base/threads.h"
#include "base/wide.h"

namespace lightmamba {
namespace {

constexpr std::int64_t kTask = 8;      // a task of transform_rows
constexpr std::int64_t kColumns = 16;  // a task of transform_columns: one cache line wide

bool is_prime(std::int64_t value) {
  if (value < 2) return false;
  for (std::int64_t factor = 2; factor <= value / factor; ++factor) {
    if (value % factor == 0) return false;
  }
  return true;
}

struct PrimePower {
  std::int64_t prime = 0;  // 0: the order is no such power
  int power = 0;
};

PrimePower prime_power(std::int64_t value) {
  if (value < 2) return {};
  std::int64_t prime = value;
  for (std::int64_t factor = 2; factor <= value / factor; ++factor) {
    if (value % factor == 0) {
      prime = factor;
      break;
    }
  }
  int power = 0;
  for (; value % prime == 0; value /= prime) ++power;
  return value == 1 ? PrimePower{prime, power} : PrimePower{};
}

// Fields of prime order have priority over those of prime powers: a dimension that has a matrix of
// the first kind keeps it.
enum class Fields { primes, prime_powers };

// A product with a larger matrix takes longer than the two steps of rotation_order().
constexpr std::int64_t kLargestPower = 1024;

bool is_field(std::int64_t order, Fields fields) {
  if (fields == Fields::primes) return is_prime(order);
  return order <= kLargestPower && prime_power(order).power > 0;
}

bool is_paley_one(std::int64_t order, Fields fields) {
  return order % 4 == 0 && is_field(order - 1, fields);
}

bool is_paley_two(std::int64_t order, Fields fields) {
  return order % 2 == 0 && order / 2 % 4 == 2 && is_field(order / 2 - 1, fields);
}

bool is_seed(std::int64_t order, Fields fields) {
  return order == 1 || is_paley_one(order, fields) || is_paley_two(order, fields);
}

// Returns the smallest order from which doubling can begin, or 0.
std::int64_t seed_order(std::int64_t order, Fields fields) {
  if (order < 1) return 0;
  std::int64_t smallest = 0;
  for (std::int64_t seed = order;; seed /= 2) {
    if (is_seed(seed, fields)) smallest = seed;
    if (seed % 2 != 0) return smallest;
  }
}

std::int64_t seed_order(std::int64_t order) {
  const std::int64_t seed = seed_order(order, Fields::primes);
  return seed != 0 ? seed : seed_order(order, Fields::prime_powers);
}

// Returns the largest n up to kLargestButterfly for which an H_(d / n) can be built; 0 if there is
// none.
std::int64_t largest_butterfly(std::int64_t d, Fields fields) {
  if (d < 1) return 0;
  std::int64_t n = 1;
  while (n < kLargestButterfly && d / n % 2 == 0) n *= 2;
  while (n > 0 && seed_order(d / n, fields) == 0) n /= 2;
  return n;
}

std::optional<HadamardShape> find_shape(std::int64_t d) {
  for (const Fields fields : {Fields::primes, Fields::prime_powers}) {
    if (const std::int64_t n = largest_butterfly(d, fields); n > 0) return HadamardShape{d / n, n};
  }
  return std::nullopt;
}

// The field of q = p^k elements. An element is a polynomial over the integers modulo p, written as
// a number whose digit i in base p is the coefficient of x^i.
class FiniteField {
 public:
  explicit FiniteField(std::int64_t q) : q_(q), p_(prime_power(q).prime) {}

  std::int64_t subtract(std::int64_t a, std::int64_t b) const {
    std::int64_t difference = 0;
    for (std::int64_t place = 1; place < q_; place *= p_) {
      difference += (a / place % p_ - b / place % p_ + p_) % p_ * place;
    }
    return difference;
  }

  // Entry i is 1 if the element i is a square, 0 for i = 0, else -1. q is odd.
  std::vector<std::int8_t> quadratic_characters() const {
    std::vector<std::int8_t> characters(static_cast<std::size_t>(q_), -1);
    characters[0] = 0;
    if (p_ == q_) {
      for (std::int64_t i = 1; i < q_; ++i) characters[static_cast<std::size_t>(i * i % q_)] = 1;
      return characters;
    }
    // The squares are the even powers of an element that generates the field, here x modulo the
    // first polynomial x^k - `reduced` for which x does so.
    for (std::int64_t reduced = 1; reduced < q_; ++reduced) {
      if (order_of_x(reduced) != q_ - 1) continue;
      std::int64_t power = 1;
      for (std::int64_t exponent = 0; exponent < q_ - 1; ++exponent) {
        if (exponent % 2 == 0) characters[static_cast<std::size_t>(power)] = 1;
        power = times_x(power, reduced);
      }
      return characters;
    }
    fail("no primitive polynomial for a field of {} elements", q_);
  }

 private:
  std::int64_t times_x(std::int64_t a, std::int64_t reduced) const {
    const std::int64_t leading = a / (q_ / p_);
    const std::int64_t shifted = a % (q_ / p_) * p_;
    std::int64_t product = 0;
    for (std::int64_t place = 1; place < q_; place *= p_) {
      product += (shifted / place % p_ + leading * (reduced / place % p_)) % p_ * place;
    }
    return product;
  }

  // Returns the first power of x that is 1, or 0 if none is.
  std::int64_t order_of_x(std::int64_t reduced) const {
    std::int64_t power = 1;
    for (std::int64_t exponent = 1; exponent < q_; ++exponent) {
      power = times_x(power, reduced);
      if (power == 1) return exponent;
      if (power == 0) return 0;
    }
    return 0;
  }

  std::int64_t q_;
  std::int64_t p_;
};

// Returns C = [0 1; s Q] of order q + 1 with Q[i][j] = character(j - i) in the field of q elements
// and s = character(-1), so that C Cᵀ = q I: symmetric for q = 1 modulo 4, skew for q = 3.
std::vector<std::int8_t> conference_matrix(std::int64_t q) {
  const FiniteField field(q);
  const std::vector<std::int8_t> characters = field.quadratic_characters();
  const std::int64_t order = q + 1;
  std::vector<std::int8_t> matrix(static_cast<std::size_t>(order * order));
  for (std::int64_t i = 0; i < order; ++i) {
    for (std::int64_t j = 0; j < order; ++j) {
      std::int8_t& entry = matrix[static_cast<std::size_t>(i * order + j)];
      if (i == 0) {
        entry = j == 0 ? 0 : 1;
      } else if (j == 0) {
        entry = characters[static_cast<std::size_t>(field.subtract(0, 1))];
      } else {
        entry = characters[static_cast<std::size_t>(field.subtract(j - 1, i - 1))];
      }
    }
  }
  return matrix;
}

std::vector<std::int8_t> paley_one(std::int64_t order) {
  std::vector<std::int8_t> matrix = conference_matrix(order - 1);
  for (std::int64_t i = 0; i < order; ++i) matrix[static_cast<std::size_t>(i * (order + 1))] = 1;
  return matrix;
}

// C (x) [1 1; 1 -1] + I (x) [1 -1; -1 -1]
std::vector<std::int8_t> paley_two(std::int64_t order) {
  const std::int64_t half = order / 2;
  const std::vector<std::int8_t> conference = conference_matrix(half - 1);
  std::vector<std::int8_t> matrix(static_cast<std::size_t>(order * order));
  for (std::int64_t i = 0; i < order; ++i) {
    for (std::int64_t j = 0; j < order; ++j) {
      const std::int8_t entry = conference[static_cast<std::size_t>(i / 2 * half + j / 2)];
      const bool lower_right = i % 2 == 1 && j % 2 == 1;
      const bool upper_left = i % 2 == 0 && j % 2 == 0;
      const int sign = i / 2 == j / 2 ? (upper_left ? 1 : -1) : (lower_right ? -entry : entry);
      matrix[static_cast<std::size_t>(i * order + j)] = static_cast<std::int8_t>(sign);
    }
  }
  return matrix;
}

std::vector<std::int8_t> seed_matrix(std::int64_t order) {
  if (order == 1) return {1};
  for (const Fields fields : {Fields::primes, Fields::prime_powers}) {
    if (is_paley_one(order, fields)) return paley_one(order);
    if (is_paley_two(order, fields)) return paley_two(order);
  }
  fail("no construction of a Hadamard matrix of order {} is known", order);
}

// One stage of pairs that are `step` apart.
LIGHTMAMBA_WIDE inline void radix_two(float* x, std::int64_t size, std::int64_t step) {
  for (std::int64_t block = 0; block < size; block += 2 * step) {
    float* a = x + block;
    float* b = a + step;
#pragma omp simd
    for (std::int64_t i = 0; i < step; ++i) {
      const float sum = a[i] + b[i];
      b[i] = a[i] - b[i];
      a[i] = sum;
    }
  }
}

// Does two stages, `step` and 2 `step`, in one pass over memory. A constant kStep removes the loop
// from the short runs of the first stages.
template <std::int64_t kStep>
LIGHTMAMBA_WIDE inline void radix_four(float* x, std::int64_t size, std::int64_t any_step) {
  const std::int64_t step = kStep > 0 ? kStep : any_step;
  for (std::int64_t block = 0; block < size; block += 4 * step) {
    float* a = x + block;
    float* b = a + step;
    float* c = b + step;
    float* d = c + step;
#pragma omp simd
    for (std::int64_t i = 0; i < step; ++i) {
      const float ab = a[i] + b[i];
      const float a_b = a[i] - b[i];
      const float cd = c[i] + d[i];
      const float c_d = c[i] - d[i];
      a[i] = ab + cd;
      b[i] = a_b + c_d;
      c[i] = ab - cd;
      d[i] = a_b - c_d;
    }
  }
}

// Computes one chunk of kWidth columns from a copy of its inputs.
template <std::int64_t kWidth>
LIGHTMAMBA_WIDE inline void mix_chunk(const float* matrix, std::int64_t m, std::int64_t run,
                                      float* inputs, float* x) {
  for (std::int64_t i = 0; i < m; ++i) std::copy_n(x + i * run, kWidth, inputs + i * kWidth);
  for (std::int64_t i = 0; i < m; ++i) {
    float sums[kWidth] = {};
    for (std::int64_t k = 0; k < m; ++k) {
      const float entry = matrix[i * m + k];
      const float* input = inputs + k * kWidth;
#pragma omp simd
      for (std::int64_t c = 0; c < kWidth; ++c) sums[c] += entry * input[c];
    }
    std::copy_n(sums, kWidth, x + i * run);
  }
}

}  // namespace

std::vector<std::int8_t> hadamard_matrix(std::int64_t order) {
  const std::int64_t seed = seed_order(order);
  if (seed == 0) fail("no construction of a Hadamard matrix of order {} is known", order);
  const std::vector<std::int8_t> base = seed_matrix(seed);
  std::vector<std::int8_t> matrix(static_cast<std::size_t>(order * order));
  for (std::int64_t i = 0; i < order; ++i) {
    for (std::int64_t j = 0; j < order; ++j) {
      bool minus = false;
      for (std::int64_t both = (i / seed) & (j / seed); both != 0; both &= both - 1) {
        minus = !minus;
      }
      const std::int8_t entry = base[static_cast<std::size_t>(i % seed * seed + j % seed)];
      matrix[static_cast<std::size_t>(i * order + j)] =
          static_cast<std::int8_t>(minus ? -entry : entry);
    }
  }
  return matrix;
}

HadamardShape hadamard_shape(std::int64_t d) {
  if (const auto shape = find_shape(d)) return *shape;
  fail("no construction of a Hadamard matrix of order {} is known", d);
}

std::int64_t rotation_order(std::int64_t d) {
  if (d < 1) fail("expected at least 1 channel to rotate, found {}", d);
  if (find_shape(d)) return d;
  if (d < 4) return 2;
  // c 2^k with c = 4, 8 ... 60: all of these have a matrix of order c.
  std::int64_t unit = 4;
  while (d / unit >= 16) unit *= 2;
  return d / unit * unit;
}

std::vector<float> signs_between_steps(std::int64_t d) {
  constexpr std::uint64_t kSeed = 0;
  return rotation_order(d) == d ? std::vector<float>() : random_signs(d, kSeed);
}

void hadamard_butterfly(std::span<float> x, std::int64_t n) {
  const std::int64_t size = std::ssize(x);
  with_wide_vectors([&]() LIGHTMAMBA_WIDE {
    for (std::int64_t step = size / n; step < size;) {
      if (step * 4 > size) {
        radix_two(x.data(), size, step);
        step *= 2;
        continue;
      }
      if (step == 1) {
        radix_four<1>(x.data(), size, step);
      } else if (step == 4) {
        radix_four<4>(x.data(), size, step);
      } else {
        radix_four<0>(x.data(), size, step);
      }
      step *= 4;
    }
  });
}

void hadamard_mix(std::span<float> x, std::span<const float> matrix, std::int64_t m) {
  constexpr std::int64_t kWidth = 16;
  const std::int64_t run = std::ssize(x) / m;
  AlignedVector<float> inputs(static_cast<std::size_t>(m * kWidth));
  with_wide_vectors([&]() LIGHTMAMBA_WIDE {
    std::int64_t column = 0;
    for (; column + kWidth <= run; column += kWidth) {
      mix_chunk<kWidth>(matrix.data(), m, run, inputs.data(), x.data() + column);
    }
    for (; column < run; ++column) {
      mix_chunk<1>(matrix.data(), m, run, inputs.data(), x.data() + column);
    }
  });
}

HadamardTransform::HadamardTransform(std::int64_t d)
    : d_(d),
      order_(rotation_order(d)),
      signs_(signs_between_steps(d)),
      shape_(hadamard_shape(order_)),
      seed_order_(seed_order(shape_.m)) {
  const std::vector<std::int8_t> seed = seed_matrix(seed_order_);
  mix_.assign(seed.begin(), seed.end());
  mix_transposed_.resize(mix_.size());
  for (std::int64_t i = 0; i < seed_order_; ++i) {
    for (std::int64_t j = 0; j < seed_order_; ++j) {
      mix_transposed_[static_cast<std::size_t>(j * seed_order_ + i)] =
          mix_[static_cast<std::size_t>(i * seed_order_ + j)];
    }
  }
}

// x is [d, run]: one row, or a panel of columns.
void HadamardTransform::transform(std::span<float> x, Direction direction) const {
  const bool forward = direction == Direction::forward;
  const AlignedVector<float>& mix = forward ? mix_ : mix_transposed_;
  if (order_ == d_) return transform_part(x, mix);
  const std::size_t run = x.size() / static_cast<std::size_t>(d_);
  const std::size_t part = run * static_cast<std::size_t>(order_);
  transform_part(forward ? x.first(part) : x.last(part), mix);
  for (std::size_t i = 0; i < x.size(); ++i) x[i] *= signs_[i / run];
  transform_part(forward ? x.last(part) : x.first(part), mix);
}

// x is [order, run].
void HadamardTransform::transform_part(std::span<float> x, const AlignedVector<float>& mix) const {
  const std::size_t block = x.size() / static_cast<std::size_t>(shape_.m);
  for (std::size_t at = 0; at < x.size(); at += block) {
    hadamard_butterfly(x.subspan(at, block), shape_.n);
  }
  const std::size_t group = block * static_cast<std::size_t>(seed_order_);
  for (std::size_t at = 0; at < x.size(); at += group) {
    if (seed_order_ > 1) hadamard_mix(x.subspan(at, group), mix, seed_order_);
  }
  hadamard_butterfly(x, shape_.m / seed_order_);
  const auto scale = static_cast<float>(1.0 / std::sqrt(static_cast<double>(order_)));
  for (float& value : x) value *= scale;
}

void HadamardTransform::transform_rows(std::span<float> rows, Direction direction) const {
  const std::int64_t count = std::ssize(rows) / d_;
  if (count * d_ != std::ssize(rows)) fail("{} values are not rows of {}", rows.size(), d_);
  parallel_for((count + kTask - 1) / kTask, kTask * d_ * 8, [&](std::int64_t task) {
    const std::int64_t end = std::min(count, (task + 1) * kTask);
    for (std::int64_t row = task * kTask; row < end; ++row) {
      transform(rows.subspan(static_cast<std::size_t>(row * d_), static_cast<std::size_t>(d_)),
                direction);
    }
  });
}

void HadamardTransform::transform_columns(std::span<float> matrix, std::int64_t columns,
                                          Direction direction) const {
  if (columns < 0 || std::ssize(matrix) != d_ * columns) {
    fail("{} values are not {} rows of {}", matrix.size(), d_, columns);
  }
  parallel_for((columns + kColumns - 1) / kColumns, kColumns * d_ * 8, [&](std::int64_t task) {
    const std::int64_t begin = task * kColumns;
    const std::int64_t width = std::min(kColumns, columns - begin);
    AlignedVector<float> panel(static_cast<std::size_t>(d_ * width));
    for (std::int64_t i = 0; i < d_; ++i) {
      std::copy_n(matrix.data() + i * columns + begin, width, panel.data() + i * width);
    }
    transform(panel, direction);
    for (std::int64_t i = 0; i < d_; ++i) {
      std::copy_n(panel.data() + i * width, width, matrix.data() + i * columns + begin);
    }
  });
}

std::vector<float> random_signs(std::int64_t count, std::uint64_t seed) {
  std::vector<float> signs(static_cast<std::size_t>(count));
  for (float& sign : signs) {
    seed += 0x9E3779B97F4A7C15U;
    std::uint64_t bits = seed;
    bits = (bits ^ (bits >> 30)) * 0xBF58476D1CE4E5B9U;
    bits = (bits ^ (bits >> 27)) * 0x94D049BB133111EBU;
    bits ^= bits >> 31;
    sign = (bits >> 63) != 0 ? -1.0F : 1.0F;
  }
  return signs;
}

}  // namespace lightmamba

#include "quant/scale_search.h"

#include <algorithm>
#include <array>
#include <bit>
#include <cmath>
#include <cstddef>
#include <limits>
#include <vector>

#include "base/dtype.h"
#include "base/fail.h"

namespace lightmamba {
namespace {

constexpr std::int64_t kChunk = 128;  // sums are in float within a chunk
constexpr int kMaxSteps = 24;
constexpr int kAttempts = 2;
constexpr int kRefinements = 2;
constexpr float kLargestHalf = 65504.0F;
constexpr float kSmallestHalf = 0x1p-14F;  // the smallest normal one

float largest_code(int bits) { return static_cast<float>((1 << (bits - 1)) - 1); }

float round_scale(float scale) {
  const float magnitude = std::clamp(std::abs(scale), kSmallestHalf, kLargestHalf);
  return std::copysign(half_to_float(float_to_half(magnitude)), scale);
}

// max|w|; the bits of a magnitude order as integers, NaN above all.
float largest_magnitude(std::span<const float> weights) {
  std::int32_t largest = 0;
  for (const float weight : weights) {
    largest = std::max(largest, std::bit_cast<std::int32_t>(weight) & 0x7FFFFFFF);
  }
  return std::bit_cast<float>(largest);
}

// Scales to try, as parts of absmax_scale: 1, 1 - width, ...
struct ScaleGrid {
  int steps;
  float width;
};

ScaleGrid grid_of(int bits) {
  switch (bits) {
    case 2:
      return {24, 0.036F};
    case 3:
      return {24, 0.028F};
    case 4:
      return {20, 0.025F};
    case 5:
      return {16, 0.020F};
    case 6:
      return {16, 0.010F};
    default:
      return {12, 0.003F};
  }
}

struct Chunk {
  const float* weights;
  const float* importance;
  std::int64_t size;
};

// Calls body(chunk) for all of a group.
template <typename Body>
void for_chunks(std::span<const float> weights, std::span<const float> importance, Body&& body) {
  static const std::vector<float> ones(static_cast<std::size_t>(kChunk), 1.0F);
  for (std::int64_t begin = 0; begin < std::ssize(weights); begin += kChunk) {
    body(Chunk{weights.data() + begin, importance.empty() ? ones.data() : importance.data() + begin,
               std::min(kChunk, std::ssize(weights) - begin)});
  }
}

// Sums of importance * w * code and importance * code^2: the best scale for these codes is their
// ratio, and takes product^2 / square off the error that zeros have.
struct Fit {
  double product = 0;
  double square = 0;
  double gain() const { return square > 0 ? product * product / square : 0; }
};

// Adds the fits of a positive scale and of its negative.
void add_fits(const Chunk& chunk, float inverse, float highest, Fit& plus, Fit& minus) {
  float plus_product = 0;
  float plus_square = 0;
  float minus_product = 0;
  float minus_square = 0;
  const float* w = chunk.weights;
  const float* importance = chunk.importance;
  const std::int64_t size = chunk.size;
#pragma omp simd safelen(4) reduction(+ : plus_product, plus_square, minus_product, minus_square)
  for (std::int64_t i = 0; i < size; ++i) {
    const float code = round_to_even(w[i] * inverse);
    const float up = clamp_code(code, -highest - 1, highest);
    const float down = clamp_code(code, -highest, highest + 1);
    const float weighted_up = importance[i] * up;
    const float weighted_down = importance[i] * down;
    plus_product += weighted_up * w[i];
    plus_square += weighted_up * up;
    minus_product += weighted_down * w[i];
    minus_square += weighted_down * down;
  }
  plus.product += plus_product;
  plus.square += plus_square;
  minus.product -= minus_product;
  minus.square += minus_square;
}

struct Judged {
  float scale = 0;
  double error = std::numeric_limits<double>::infinity();
  Fit fit;  // of its codes
};

void add_judgement(const Chunk& chunk, float inverse, float highest, Judged& judged) {
  float error = 0;
  float product = 0;
  float square = 0;
  const float* w = chunk.weights;
  const float* importance = chunk.importance;
  const std::int64_t size = chunk.size;
  const float scale = judged.scale;
#pragma omp simd safelen(4) reduction(+ : error, product, square)
  for (std::int64_t i = 0; i < size; ++i) {
    const float code = round_to_code(w[i], inverse, -highest - 1, highest);
    const float rest = w[i] - code * scale;
    const float weighted = importance[i] * code;
    error += importance[i] * rest * rest;
    product += weighted * w[i];
    square += weighted * code;
  }
  judged.error += error;
  judged.fit.product += product;
  judged.fit.square += square;
}

// What `scale`, a half, really gives.
Judged judge(std::span<const float> weights, std::span<const float> importance, float scale,
             float highest) {
  Judged judged{scale, 0, {}};
  const float inverse = inverse_scale(scale);
  for_chunks(weights, importance,
             [&](const Chunk& chunk) { add_judgement(chunk, inverse, highest, judged); });
  return judged;
}

}  // namespace

void round_to_codes(std::span<const float> weights, float scale, int lowest, int highest,
                    std::span<std::int8_t> codes) {
  const float inverse = inverse_scale(scale);
  const auto low = static_cast<float>(lowest);
  const auto high = static_cast<float>(highest);
  const float* w = weights.data();
  std::int8_t* out = codes.data();
#pragma omp simd
  for (std::size_t i = 0; i < weights.size(); ++i) {
    out[i] = static_cast<std::int8_t>(static_cast<int>(round_to_code(w[i], inverse, low, high)));
  }
}

float absmax_scale(std::span<const float> weights, int bits) {
  const float largest = largest_magnitude(weights);
  if (largest == 0.0F) return 0.0F;
  const float scale = largest / largest_code(bits);
  if (!(scale <= kLargestHalf)) {
    fail("a weight of {} is too large for {} bits with a half-precision scale", largest, bits);
  }
  return round_scale(scale);
}

float mse_scale(std::span<const float> weights, std::span<const float> importance, int bits) {
  const float start = absmax_scale(weights, bits);
  if (start == 0.0F) return start;
  const float highest = largest_code(bits);
  const ScaleGrid grid = grid_of(bits);
  std::array<Fit, 2 * kMaxSteps> fits{};
  for_chunks(weights, importance, [&](const Chunk& chunk) {
    for (int step = 0; step < grid.steps; ++step) {
      const float scale = start * (1 - grid.width * static_cast<float>(step));
      add_fits(chunk, 1 / std::max(kSmallestHalf, scale), highest, fits[2 * step],
               fits[2 * step + 1]);
    }
  });
  Judged best = judge(weights, importance, start, highest);
  std::array<double, 2 * kMaxSteps> gains{};
  std::transform(fits.begin(), fits.end(), gains.begin(),
                 [](const Fit& fit) { return fit.gain(); });
  for (int attempt = 0; attempt < kAttempts; ++attempt) {
    const auto candidate = std::max_element(gains.begin(), gains.end());
    Fit fit = fits[static_cast<std::size_t>(candidate - gains.begin())];
    *candidate = 0;
    for (int refinement = 0; fit.gain() > 0 && refinement < kRefinements; ++refinement) {
      const Judged next = judge(weights, importance,
                                round_scale(static_cast<float>(fit.product / fit.square)), highest);
      fit = next.error < best.error ? next.fit : Fit{};
      if (next.error < best.error) best = next;
    }
  }
  return best.scale;
}

}  // namespace lightmamba

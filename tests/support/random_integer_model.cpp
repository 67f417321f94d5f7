#include "support/random_integer_model.h"

#include <cmath>

#include "accel/numerics/fixed_point.h"
#include "accel/numerics/golden_model.h"
#include "eval/random.h"
#include "quant/hadamard.h"

namespace lightmamba::test {
namespace {

using accel::IntegerLayer;
using accel::IntegerModel;
using accel::Scaled;
using accel::WeightMatrix;

// Weights of codes -8 ... 7 and scales of 14 to 15 bits have a root mean square near 1 here.
constexpr int kUnitExponent = -17;

class Generator {
 public:
  explicit Generator(std::uint64_t seed) : random_(seed) {}

  std::int64_t between(std::int64_t min, std::int64_t max) {
    return min + static_cast<std::int64_t>(random_.index(static_cast<std::size_t>(max - min + 1)));
  }
  std::int64_t sign() { return 2 * between(0, 1) - 1; }

  // Some scales are negative.
  WeightMatrix matrix(std::int64_t rows, std::int64_t columns, int exponent) {
    WeightMatrix w;
    w.rows = rows;
    w.columns = columns;
    w.exponent = exponent;
    w.codes.resize(static_cast<std::size_t>(rows * columns / 2));
    for (std::uint8_t& pair : w.codes) pair = static_cast<std::uint8_t>(between(0, 255));
    w.scales.resize(static_cast<std::size_t>(rows * w.groups()));
    for (std::int16_t& scale : w.scales) {
      const std::int64_t magnitude = between(1 << 14, (1 << 15) - 1);
      scale = static_cast<std::int16_t>(between(0, 9) == 0 ? -magnitude : magnitude);
    }
    return w;
  }

  int clip() { return static_cast<int>(between(26000, 1 << accel::kClipFractionBits)); }

  IntegerLayer layer(const Mamba2Config& c) {
    IntegerLayer layer;
    layer.in_proj = matrix(c.d_in_proj(), c.d_model, kUnitExponent);
    // Inputs of a root mean square near 1, as many as d_inner.
    const int root = accel::bit_length(c.d_inner) / 2;
    layer.out_proj = matrix(c.d_model, c.d_inner, kUnitExponent - root);
    layer.in_proj_clip = clip();
    layer.out_proj_clip = clip();
    for (std::int64_t channel = 0; channel < c.conv_dim(); ++channel) {
      for (std::int64_t tap = 0; tap < c.d_conv; ++tap) {
        layer.conv_codes.push_back(static_cast<std::int8_t>(between(-127, 127)));
      }
      layer.conv_exponents.push_back(static_cast<std::int8_t>(between(-9, -7)));
      layer.conv_biases.push_back(static_cast<std::int32_t>(between(-20000, 20000)));
    }
    for (std::int64_t head = 0; head < c.nheads; ++head) {
      layer.heads.push_back(
          {.dt_bias = between(-5, 0) * (1 << accel::kDtFractionBits) + between(0, 4095),
           .A = {between(1 << 15, (1 << 16) - 1), static_cast<int>(between(-16, -12))},
           .D = sign() * between(1 << 14, (1 << 15) - 1),
           .D_exponent = static_cast<int>(between(-16, -14))});
    }
    for (std::int64_t channel = 0; channel < c.d_inner; ++channel) {
      layer.gains.push_back(static_cast<std::int16_t>(sign() * between(1 << 13, (1 << 15) - 1)));
    }
    layer.gain_exponent = static_cast<int>(between(-16, -14));
    return layer;
  }

 private:
  Random random_;
};

}  // namespace

IntegerModel random_integer_model(const RandomIntegerModelOptions& options) {
  Generator generator(options.seed);
  IntegerModel model;
  Mamba2Config& c = model.config;
  c.vocab_size = options.vocab_size;
  c.d_model = options.d_model;
  c.n_layer = options.n_layer;
  c.nheads = options.nheads;
  c.d_inner = c.nheads * c.headdim;
  c.tie_embeddings = false;
  c.dt_min = 0x1p-10F;
  c.dt_max = 0.5F;
  model.group = 128;
  model.state_bits = options.state_bits;
  model.dt_limits = {Scaled{128, -17}, Scaled{128, -8}};
  model.residual_exponent = -10;
  model.epsilon = static_cast<std::uint64_t>(
      std::llround(std::ldexp(1e-5 * static_cast<double>(c.d_model), 20)));
  model.gated_epsilon = static_cast<std::uint64_t>(std::llround(
      std::ldexp(1e-5 * static_cast<double>(c.d_inner), accel::kGatedSquareFractionBits)));
  model.embedding = generator.matrix(c.vocab_size, c.d_model, kUnitExponent);
  for (std::int64_t layer = 0; layer < c.n_layer; ++layer)
    model.layers.push_back(generator.layer(c));
  model.head = generator.matrix(c.vocab_size, c.d_model, kUnitExponent);
  model.head_clip = generator.clip();
  const HadamardShape shape = hadamard_shape(c.d_inner);
  model.hadamard_m = shape.m;
  model.hadamard_n = shape.n;
  model.hadamard_matrix = hadamard_matrix(shape.m);
  return model;
}

}  // namespace lightmamba::test

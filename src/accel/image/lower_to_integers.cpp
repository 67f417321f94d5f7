#include "accel/image/lower_to_integers.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <fmt/format.h>
#include <numeric>

#include "accel/numerics/fixed_point.h"
#include "accel/numerics/golden_model.h"
#include "base/dtype.h"
#include "base/fail.h"
#include "base/threads.h"
#include "quant/hadamard.h"
#include "quant/rounding_plan.h"

namespace lightmamba::accel {
namespace {

// Of the embedding's mean square, so that a residual can grow 2^15 times.
constexpr int kBitsBelowEmbedding = 10;

// x as a mantissa of so many bits, and a sign.
Scaled to_scaled(double x, int bits) {
  if (x == 0) return {0, kZeroExponent};
  int exponent = 0;
  const double fraction = std::frexp(x, &exponent);  // in [0.5, 1)
  return normalize({std::llround(std::ldexp(fraction, 40)), exponent - 40}, bits);
}

std::int64_t to_fixed(double x, int fraction_bits, int bits) {
  const double limit = std::ldexp(1.0, bits - 1);
  return std::llround(std::clamp(std::ldexp(x, fraction_bits), -limit, limit - 1));
}

// The exponent at which numbers of this magnitude have 15 bits and a sign.
int exponent_of(double largest) { return largest > 0 ? std::ilogb(largest) - 14 : 0; }

// All weights times `factor`.
WeightMatrix to_weights(const Matrix& matrix, double factor) {
  WeightMatrix w;
  w.rows = matrix.rows;
  w.columns = matrix.columns;
  w.group = matrix.codes.group;
  w.codes.resize(static_cast<std::size_t>(w.rows * w.columns / 2));
  w.scales.resize(static_cast<std::size_t>(w.rows * w.groups()));
  const CodeFormat& format = matrix.codes;
  const std::int64_t columns = w.columns;
  const std::int64_t groups = w.groups();
  const auto* bytes = matrix.data;
  const std::int64_t row_step = CodeFormat::kBlockRows;
  const auto scale_of = [&](std::int64_t row, std::int64_t group) {
    const std::int64_t from = row + matrix.first_row;
    std::uint16_t half = 0;
    std::memcpy(&half,
                matrix.scales + 2 * (from / row_step * format.block_scales(columns) +
                                     group * row_step + from % row_step),
                sizeof half);
    return static_cast<double>(half_to_float(half)) * factor;
  };
  double largest = 0;
  for (std::int64_t row = 0; row < w.rows; ++row) {
    for (std::int64_t g = 0; g < groups; ++g) {
      largest = std::max(largest, std::abs(scale_of(row, g)));
    }
  }
  w.exponent = exponent_of(largest);
  parallel_for(w.rows, columns, [&](std::int64_t row) {
    const std::int64_t from = row + matrix.first_row;
    std::vector<std::int8_t> codes(static_cast<std::size_t>(columns));
    format.unpack(bytes + from / row_step * format.block_bytes(columns) +
                      from % row_step * CodeFormat::kRowBytes,
                  codes);
    for (std::int64_t i = 0; i < columns / 2; ++i) {
      const auto even = static_cast<std::uint8_t>(codes[static_cast<std::size_t>(2 * i)]);
      const auto odd = static_cast<std::uint8_t>(codes[static_cast<std::size_t>(2 * i + 1)]);
      w.codes[static_cast<std::size_t>(row * (columns / 2) + i)] =
          static_cast<std::uint8_t>((even & 15U) | odd << 4);
    }
    for (std::int64_t g = 0; g < groups; ++g) {
      w.scales[static_cast<std::size_t>(row * groups + g)] =
          static_cast<std::int16_t>(to_fixed(scale_of(row, g), -w.exponent, kScaleBits));
    }
  });
  return w;
}

int to_clip(float clip) {
  return static_cast<int>(std::lround(std::ldexp(static_cast<double>(clip), kClipBits)));
}

Scaled to_dt_limit(float limit) {
  if (!std::isfinite(limit)) return {(1 << kSignificantBits) - 1, -kZeroExponent - 1};
  return to_scaled(static_cast<double>(limit), kSignificantBits);
}

double root_mean_square(const Matrix& matrix) {
  std::vector<float> row(static_cast<std::size_t>(matrix.columns));
  double sum = 0;
  for (std::int64_t i = 0; i < matrix.rows; ++i) {
    matrix.row_to_float(i, row);
    for (const float x : row) sum += static_cast<double>(x) * static_cast<double>(x);
  }
  return std::sqrt(sum / static_cast<double>(matrix.rows * matrix.columns));
}

IntegerLayer to_layer(const Mamba2Config& config, const LayerWeights& w,
                      const LayerRounding& rounding) {
  IntegerLayer layer;
  layer.in_proj = to_weights(w.in_proj, std::sqrt(static_cast<double>(config.d_model)));
  layer.out_proj = to_weights(w.out_proj, 1);
  layer.in_proj_clip = to_clip(rounding.in_proj_input->clip);
  layer.out_proj_clip = to_clip(rounding.out_proj_input->clip);
  layer.conv_codes = w.conv1d_codes.codes;
  layer.conv_exponents = w.conv1d_codes.exponents;
  for (const float bias : w.conv1d_bias) {
    layer.conv_biases.push_back(static_cast<std::int32_t>(
        to_fixed(static_cast<double>(bias), kFractionBits, kActivationBits)));
  }
  for (std::size_t h = 0; h < w.A.size(); ++h) {
    const Scaled D = to_scaled(static_cast<double>(w.D[h]), 15);
    layer.heads.push_back(
        {.dt_bias = to_fixed(static_cast<double>(w.dt_bias[h]), kDtFractionBits, kDtBits),
         .A = to_scaled(-static_cast<double>(w.A[h]), 16),
         .D = D.mantissa,
         .D_exponent = D.exponent});
  }
  float largest = 0;
  for (const float gain : w.gated_norm) largest = std::max(largest, std::abs(gain));
  layer.gain_exponent = exponent_of(static_cast<double>(largest));
  for (const float gain : w.gated_norm) {
    layer.gains.push_back(
        static_cast<std::int16_t>(to_fixed(static_cast<double>(gain), -layer.gain_exponent, 16)));
  }
  return layer;
}

// The exponent of the residual's unit.
int residual_exponent(const Matrix& embedding) {
  const double magnitude = root_mean_square(embedding);
  if (!(magnitude > 0)) fail("the accelerator cannot run this model: its embedding is zero");
  return std::ilogb(magnitude) - kBitsBelowEmbedding;
}

// What a norm over so many values adds to their sum of squares, in units of 2^-fraction_bits.
std::uint64_t to_epsilon(const Mamba2Config& config, std::int64_t values, int fraction_bits) {
  const double sum =
      std::ldexp(static_cast<double>(config.norm_eps) * static_cast<double>(values), fraction_bits);
  if (!(sum < 0x1p62)) {
    fail("the accelerator cannot run this model: norm_eps {} is too large beside the values",
         config.norm_eps);
  }
  return static_cast<std::uint64_t>(std::llround(sum));
}

bool is_one(float gain) { return gain == 1.0F; }

}  // namespace

std::optional<std::string> unsupported_reason(const Weights& weights) {
  if (!weights.quantization) return "the weights are floats";
  const Quantization& q = *weights.quantization;
  const Mamba2Config& c = weights.config;
  if (q.method != Method::lightmamba) {
    return fmt::format("the method is {}, not lightmamba", method_name(q.method));
  }
  if (q.scheme != Scheme{4, 4}) {
    return fmt::format("the scheme is {}, not w4a4", scheme_name(q.scheme));
  }
  if (q.head_bits != 4) return "the head has 8 bits, not 4 (quantize --head-bits 4)";
  if (!q.clip) return "ranges are not clipped (quantize --clip mse)";
  if (q.ssm != SsmFormat::pot8) return "the SSM is in float (quantize --ssm pot8)";
  if (q.state != StateFormat::int16 && q.state != StateFormat::int8) {
    return fmt::format("the state is {}, not int16 or int8", state_format_name(q.state));
  }
  if (c.ngroups != 1) return fmt::format("ngroups is {}, not 1", c.ngroups);
  if (c.d_state % c.headdim != 0) {
    return fmt::format("d_state is {}, no multiple of headdim {}", c.d_state, c.headdim);
  }
  if (c.d_state > kMaxDState) return fmt::format("d_state is above {}", kMaxDState);
  if (c.d_conv > kMaxConvTaps) return fmt::format("d_conv is above {}", kMaxConvTaps);
  if (c.d_inner % 2 != 0 || c.d_model % 2 != 0) return "a row has an odd number of columns";
  if (rotation_order(c.d_inner) != c.d_inner) {
    return fmt::format("no Hadamard matrix of order d_inner {} is known", c.d_inner);
  }
  const std::int64_t max = kMaxGroups * q.group;
  if (c.d_inner > max || c.d_model > max) {
    return fmt::format("a row has more than {} groups of {}", kMaxGroups, q.group);
  }
  for (const LayerWeights& layer : weights.layers) {
    if (!std::all_of(layer.norm.begin(), layer.norm.end(), is_one)) return "a norm has gains";
    if (!layer.in_proj_bias.empty() || !layer.out_proj_bias.empty() || !layer.norm_bias.empty() ||
        !layer.gated_norm_bias.empty()) {
      return "a layer has biases";
    }
  }
  if (!std::all_of(weights.norm_f.begin(), weights.norm_f.end(), is_one)) return "a norm has gains";
  return {};
}

IntegerModel lower_to_integers(const Weights& weights) {
  if (const auto reason = unsupported_reason(weights)) {
    fail("the accelerator cannot run this model: {}", *reason);
  }
  const Mamba2Config& c = weights.config;
  const Quantization& q = *weights.quantization;
  const RoundingPlan rounding = rounding_plan(c, q, weights.clips);
  IntegerModel model;
  model.config = c;
  model.group = q.group;
  model.state_bits = rounding.state.bits;
  model.dt_limits = {to_dt_limit(c.dt_min), to_dt_limit(c.dt_max)};
  model.residual_exponent = residual_exponent(weights.embedding);
  model.epsilon = to_epsilon(c, c.d_model, -2 * model.residual_exponent);
  model.gated_epsilon = to_epsilon(c, c.d_inner, kGatedSquareFractionBits);
  model.embedding = to_weights(weights.embedding, 1);
  for (std::size_t layer = 0; layer < weights.layers.size(); ++layer) {
    model.layers.push_back(with_context(fmt::format("layer {}", layer), [&] {
      return to_layer(c, weights.layers[layer], rounding.layers[layer]);
    }));
  }
  model.head = to_weights(weights.head, std::sqrt(static_cast<double>(c.d_model)));
  model.head_clip = to_clip(rounding.head_input->clip);
  const HadamardShape shape = hadamard_shape(c.d_inner);
  model.hadamard_m = shape.m;
  model.hadamard_n = shape.n;
  model.hadamard_matrix = hadamard_matrix(shape.m);
  return model;
}

}  // namespace lightmamba::accel

#include "quant/weight_source.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <fmt/ranges.h>
#include <memory>
#include <vector>

#include "base/fail.h"
#include "base/threads.h"
#include "base/utf8.h"

namespace lightmamba {
namespace {

struct PublishedShape {
  std::string_view name;
  std::int64_t d_model;
  std::int64_t n_layer;
};
constexpr std::array<PublishedShape, 5> kShapes = {{{"mamba2-130m", 768, 24},
                                                    {"mamba2-370m", 1024, 48},
                                                    {"mamba2-780m", 1536, 48},
                                                    {"mamba2-1.3b", 2048, 48},
                                                    {"mamba2-2.7b", 2560, 64}}};

// The output function of Splitmix64: computes number i of a sequence without those before it.
std::uint64_t mix(std::uint64_t seed, std::uint64_t index) {
  std::uint64_t z = seed + (index + 1) * 0x9e3779b97f4a7c15U;
  z = (z ^ (z >> 30U)) * 0xbf58476d1ce4e5b9U;
  z = (z ^ (z >> 27U)) * 0x94d049bb133111ebU;
  return z ^ (z >> 31U);
}

// In [0, 1).
float uniform(std::uint64_t seed, std::uint64_t index) {
  return static_cast<float>(mix(seed, index) >> 40U) * 0x1p-24F;
}

// Close to normal, with mean 0 and variance 1: the sum of four 16-bit uniform numbers. It needs no
// logarithm, so it is fast and rounds the same everywhere.
float almost_normal(std::uint64_t seed, std::uint64_t index) {
  const std::uint64_t bits = mix(seed, index);
  const auto sum = static_cast<std::int32_t>((bits & 0xffffU) + (bits >> 16U & 0xffffU) +
                                             (bits >> 32U & 0xffffU) + (bits >> 48U));
  constexpr float kSigma = 37837.2F;  // deviation of the sum, sqrt(4 * 65536^2 / 12)
  return static_cast<float>(sum - 2 * 65535) / kSigma;
}

Matrix random_matrix(std::int64_t rows, std::int64_t columns, float deviation, std::uint64_t seed) {
  const auto values =
      std::make_shared<AlignedVector<float>>(static_cast<std::size_t>(rows * columns));
  parallel_for(rows, 4 * columns, [&](std::int64_t row) {
    float* out = values->data() + row * columns;
    for (std::int64_t i = 0; i < columns; ++i) {
      out[i] = almost_normal(seed, static_cast<std::uint64_t>(row * columns + i)) * deviation;
    }
  });
  return {.rows = rows,
          .columns = columns,
          .data = reinterpret_cast<const std::byte*>(values->data()),
          .owner = values};
}

template <typename Fn>
AlignedVector<float> filled(std::int64_t count, const Fn& value) {
  AlignedVector<float> values(static_cast<std::size_t>(count));
  for (std::size_t i = 0; i < values.size(); ++i) values[i] = value(i);
  return values;
}

float deviation_for(std::int64_t columns) { return 1.0F / std::sqrt(static_cast<float>(columns)); }

LayerWeights random_layer(const Mamba2Config& c, std::uint64_t seed) {
  const auto ones = [](std::size_t /*index*/) { return 1.0F; };
  LayerWeights w;
  w.norm = filled(c.d_model, ones);
  w.in_proj = random_matrix(c.d_in_proj(), c.d_model, deviation_for(c.d_model), mix(seed, 1));
  w.conv1d = filled(c.conv_dim() * c.d_conv,
                    [&](std::size_t i) { return uniform(mix(seed, 2), i) - 0.5F; });
  w.conv1d_bias = filled(c.conv_dim(), [](std::size_t /*index*/) { return 0.0F; });
  // dt between 0.001 and 0.1, evenly on a logarithmic scale; dt_bias is its inverse softplus.
  w.dt_bias = filled(c.nheads, [&](std::size_t i) {
    const float dt = 0.001F * std::pow(100.0F, uniform(mix(seed, 3), i));
    return dt + std::log(-std::expm1(-dt));
  });
  w.A = filled(c.nheads, [&](std::size_t i) { return -1.0F - 15.0F * uniform(mix(seed, 4), i); });
  w.D = filled(c.nheads, ones);
  w.gated_norm = filled(c.d_inner, ones);
  w.out_proj = random_matrix(c.d_model, c.d_inner, deviation_for(c.d_inner), mix(seed, 5));
  return w;
}

}  // namespace

WeightSource float_source(const Model& model) {
  if (model.quantization()) fail("the model is already quantized; a float model is needed");
  const Weights& weights = model.weights();
  return {
      weights.config, weights.embedding, weights.head, weights.norm_f,
      [&weights](std::int64_t layer) { return weights.layers[static_cast<std::size_t>(layer)]; }};
}

Mamba2Config published_shape(std::string_view name) {
  const auto* found = std::find_if(kShapes.begin(), kShapes.end(),
                                   [&](const auto& shape) { return shape.name == name; });
  if (found == kShapes.end()) {
    std::vector<std::string_view> names;
    names.reserve(std::size(kShapes));
    for (const auto& shape : kShapes) names.push_back(shape.name);
    fail("unknown shape '{}': expected one of {}", printable(name), fmt::join(names, ", "));
  }
  Mamba2Config config;
  config.vocab_size = 50288;
  config.d_model = found->d_model;
  config.n_layer = found->n_layer;
  config.d_inner = 2 * found->d_model;
  config.nheads = config.d_inner / config.headdim;
  config.bos_token_id = 0;
  config.eos_token_ids = {0};
  return config;
}

WeightSource random_weights(const Mamba2Config& config, std::uint64_t seed) {
  WeightSource source;
  source.config = config;
  source.embedding = random_matrix(config.vocab_size, config.d_model, 1.0F, mix(seed, 0));
  source.head = config.tie_embeddings ? source.embedding
                                      : random_matrix(config.vocab_size, config.d_model,
                                                      deviation_for(config.d_model), mix(seed, 1));
  source.norm_f.assign(static_cast<std::size_t>(config.d_model), 1.0F);
  source.layer = [=](std::int64_t layer) {
    return random_layer(config, mix(seed, 2 + static_cast<std::uint64_t>(layer)));
  };
  return source;
}

}  // namespace lightmamba

#include "quant/weight_source.h"

#include <cmath>

#include "base/threads.h"
#include "support/errors.h"
#include "support/quantized.h"

namespace lightmamba {
namespace {

using test::values_of;
using ::testing::HasSubstr;

Mamba2Config small_config(bool tied = false) {
  Mamba2Config config;
  config.vocab_size = 60;
  config.d_model = 96;
  config.n_layer = 2;
  config.d_inner = 192;
  config.nheads = 24;
  config.headdim = 8;
  config.d_state = 16;
  config.tie_embeddings = tied;
  return config;
}

TEST(PublishedShape, AreThoseOfTheCheckpoints) {
  const struct {
    const char* name;
    std::int64_t d_model, n_layer, nheads, d_in_proj;
  } expected[] = {{"mamba2-130m", 768, 24, 24, 3352},
                  {"mamba2-370m", 1024, 48, 32, 4384},
                  {"mamba2-780m", 1536, 48, 48, 6448},
                  {"mamba2-1.3b", 2048, 48, 64, 8512},
                  {"mamba2-2.7b", 2560, 64, 80, 10576}};
  for (const auto& e : expected) {
    const Mamba2Config c = published_shape(e.name);
    EXPECT_EQ(c.d_model, e.d_model) << e.name;
    EXPECT_EQ(c.n_layer, e.n_layer);
    EXPECT_EQ(c.nheads, e.nheads);
    EXPECT_EQ(c.d_in_proj(), e.d_in_proj);
    EXPECT_EQ(c.vocab_size, 50288);
    EXPECT_TRUE(c.tie_embeddings);
  }
}

TEST(PublishedShape, AnUnknownNameGetsTheList) {
  EXPECT_THAT(test::error_of([] { published_shape("mamba2"); }),
              HasSubstr("unknown shape 'mamba2': expected one of mamba2-130m, mamba2-370m"));
}

void expect_moments(const Matrix& matrix, double variance) {
  const std::vector<float> values = values_of(matrix);
  const auto count = static_cast<double>(values.size());
  double sum = 0;
  double squares = 0;
  for (const float v : values) {
    sum += v;
    squares += static_cast<double>(v) * v;
  }
  EXPECT_NEAR(sum / count, 0, 4 * std::sqrt(variance / count));
  EXPECT_NEAR(squares / count, variance, variance * 6 / std::sqrt(count));
}

TEST(RandomWeights, HaveTheVarianceOfAnUntrainedModel) {
  const WeightSource source = random_weights(small_config(), 7);
  expect_moments(source.embedding, 1);
  expect_moments(source.head, 1.0 / 96);
  for (std::int64_t layer = 0; layer < 2; ++layer) {
    const LayerWeights w = source.layer(layer);
    EXPECT_EQ(w.in_proj.rows, small_config().d_in_proj());
    EXPECT_EQ(w.out_proj.rows, 96);
    expect_moments(w.in_proj, 1.0 / 96);
    expect_moments(w.out_proj, 1.0 / 192);
    for (const float a : w.A) {
      EXPECT_GE(a, -16);
      EXPECT_LE(a, -1);
    }
    for (const float bias : w.dt_bias) {
      const double dt = std::log1p(std::exp(static_cast<double>(bias)));
      EXPECT_GE(dt, 0.00099);
      EXPECT_LE(dt, 0.101);
    }
    EXPECT_THAT(w.D, testing::Each(1.0F));
    EXPECT_THAT(w.norm, testing::Each(1.0F));
    EXPECT_THAT(w.gated_norm, testing::Each(1.0F));
    EXPECT_THAT(w.conv1d, testing::Each(testing::AllOf(testing::Ge(-0.5F), testing::Le(0.5F))));
    EXPECT_THAT(w.conv1d_bias, testing::Each(0.0F));
  }
}

std::vector<float> all_of(const WeightSource& source) {
  std::vector<float> all = values_of(source.embedding);
  const auto append = [&](std::span<const float> values) {
    all.insert(all.end(), values.begin(), values.end());
  };
  append(values_of(source.head));
  for (const std::int64_t layer : {1, 0}) {
    const LayerWeights w = source.layer(layer);
    append(values_of(w.in_proj));
    append(values_of(w.out_proj));
    append(w.conv1d);
    append(w.A);
    append(w.dt_bias);
  }
  return all;
}

TEST(RandomWeights, AreThoseOfTheSeedAtAnyThreadCount) {
  const std::vector<float> first = all_of(random_weights(small_config(), 7));
  for (const int threads : {1, 2, 3}) {
    set_thread_count(threads);
    EXPECT_EQ(all_of(random_weights(small_config(), 7)), first);
  }
  set_thread_count(0);
  EXPECT_NE(all_of(random_weights(small_config(), 8)), first);
}

// Two matrices that came from the same numbers would be the same up to a factor.
double correlation(const std::vector<float>& a, const std::vector<float>& b) {
  double ab = 0;
  double aa = 0;
  double bb = 0;
  for (std::size_t i = 0; i < std::min(a.size(), b.size()); ++i) {
    ab += static_cast<double>(a[i]) * b[i];
    aa += static_cast<double>(a[i]) * a[i];
    bb += static_cast<double>(b[i]) * b[i];
  }
  return std::abs(ab) / std::sqrt(aa * bb);
}

TEST(RandomWeights, AreIndependentOfEachOther) {
  const WeightSource source = random_weights(small_config(), 7);
  std::vector<std::vector<float>> all = {values_of(source.embedding), values_of(source.head)};
  for (std::int64_t layer = 0; layer < 2; ++layer) {
    all.push_back(values_of(source.layer(layer).in_proj));
    all.push_back(values_of(source.layer(layer).out_proj));
  }
  all.push_back(values_of(random_weights(small_config(), 8).embedding));
  for (std::size_t i = 0; i < all.size(); ++i) {
    for (std::size_t j = 0; j < i; ++j) EXPECT_LT(correlation(all[i], all[j]), 0.1);
  }
}

TEST(RandomWeights, ATiedHeadIsTheEmbedding) {
  const WeightSource source = random_weights(small_config(true), 7);
  EXPECT_EQ(source.head.data, source.embedding.data);
}

TEST(SourceOf, GivesTheModelsOwnWeights) {
  const Model model = test::load_random_model({.tied = false});
  const WeightSource source = float_source(model);
  EXPECT_EQ(source.config, model.config());
  EXPECT_EQ(source.embedding.data, model.weights().embedding.data);
  EXPECT_EQ(source.head.data, model.weights().head.data);
  EXPECT_EQ(source.norm_f, model.weights().norm_f);
  EXPECT_EQ(source.layer(1).out_proj.data, model.weights().layers[1].out_proj.data);
}

}  // namespace
}  // namespace lightmamba

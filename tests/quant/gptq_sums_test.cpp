#include "quant/gptq_sums.h"

#include <cmath>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <random>
#include <vector>

#include "base/threads.h"
#include "support/errors.h"

namespace lightmamba {
namespace {

// A layer whose inputs are the float model's after rounding, wider than one task's share.
struct Layer {
  std::size_t rows = 70;
  std::size_t columns = 150;
  std::size_t tokens = 300;
  std::vector<float> weights = random(rows * columns, 1);
  std::vector<float> exact = random(tokens * columns, 2);
  std::vector<float> inputs = exact;

  Layer() {
    for (float& x : inputs) x = std::nearbyint(x * 2) / 2;
  }
  static std::vector<float> random(std::size_t count, unsigned seed) {
    std::mt19937 generator(seed);
    std::normal_distribution<float> normal;
    std::vector<float> values(count);
    for (float& value : values) value = normal(generator);
    return values;
  }
  double output(const std::vector<float>& x, std::size_t token, std::size_t row) const {
    double y = 0;
    for (std::size_t c = 0; c < columns; ++c) {
      y += static_cast<double>(weights[row * columns + c]) * x[token * columns + c];
    }
    return y;
  }
  // Token by token from the outputs: sum (wanted - W x) xᵀ.
  std::vector<double> products(const std::vector<double>& wanted) const {
    std::vector<double> sums(rows * columns);
    for (std::size_t t = 0; t < tokens; ++t) {
      for (std::size_t r = 0; r < rows; ++r) {
        const double error = wanted[t * rows + r] - output(inputs, t, r);
        for (std::size_t c = 0; c < columns; ++c) {
          sums[r * columns + c] += error * inputs[t * columns + c];
        }
      }
    }
    return sums;
  }
  GptqSums for_inputs() const {
    return sums_for_inputs(weights, static_cast<std::int64_t>(columns), inputs,
                           {exact.begin(), exact.end()});
  }
  GptqSums for_outputs(const std::vector<float>& wanted) const {
    return sums_for_outputs(weights, static_cast<std::int64_t>(columns), inputs, wanted);
  }
};

template <typename A, typename B>
double distance(const A& found, const B& expected) {
  double difference = 0;
  double square = 0;
  for (std::size_t i = 0; i < expected.size(); ++i) {
    difference += std::pow(static_cast<double>(found[i]) - static_cast<double>(expected[i]), 2);
    square += std::pow(static_cast<double>(expected[i]), 2);
  }
  return std::sqrt(difference / square);
}

void expect_hessian(const Layer& layer, const GptqSums& sums) {
  const std::size_t n = layer.columns;
  std::vector<double> hessian(n * n);
  for (std::size_t t = 0; t < layer.tokens; ++t) {
    const float* x = &layer.inputs[t * n];
    for (std::size_t i = 0; i < n; ++i) {
      for (std::size_t j = 0; j < n; ++j) hessian[i * n + j] += static_cast<double>(x[i]) * x[j];
    }
  }
  ASSERT_EQ(sums.hessian.size(), hessian.size());
  EXPECT_LT(distance(sums.hessian, hessian), 1e-6);
}

TEST(GptqSums, OtherInputsAreTheOutputsThatTheyGive) {
  const Layer layer;
  std::vector<double> wanted(layer.tokens * layer.rows);
  for (std::size_t i = 0; i < wanted.size(); ++i) {
    wanted[i] = layer.output(layer.exact, i / layer.rows, i % layer.rows);
  }
  const GptqSums sums = layer.for_inputs();
  expect_hessian(layer, sums);
  ASSERT_EQ(sums.products.size(), layer.rows * layer.columns);
  EXPECT_LT(distance(sums.products, layer.products(wanted)), 1e-5);
}

TEST(GptqSums, WantedOutputsMayBeAny) {
  const Layer layer;
  // Near to what the layer gives, as in a network: the difference must not drown in the sums.
  std::vector<float> wanted = Layer::random(layer.tokens * layer.rows, 3);
  for (std::size_t i = 0; i < wanted.size(); ++i) {
    wanted[i] = static_cast<float>(0.1 * static_cast<double>(wanted[i]) +
                                   layer.output(layer.inputs, i / layer.rows, i % layer.rows));
  }
  const GptqSums sums = layer.for_outputs(wanted);
  expect_hessian(layer, sums);
  ASSERT_EQ(sums.products.size(), layer.rows * layer.columns);
  EXPECT_LT(distance(sums.products, layer.products({wanted.begin(), wanted.end()})), 2e-4);
}

TEST(GptqSums, ThreadsDoNotChangeABit) {
  const Layer layer;
  const std::vector<float> wanted = Layer::random(layer.tokens * layer.rows, 4);
  set_thread_count(1);
  const GptqSums by_inputs = layer.for_inputs();
  const GptqSums by_outputs = layer.for_outputs(wanted);
  for (const int threads : {2, 3}) {
    set_thread_count(threads);
    EXPECT_EQ(layer.for_inputs().hessian, by_inputs.hessian);
    EXPECT_EQ(layer.for_inputs().products, by_inputs.products);
    EXPECT_EQ(layer.for_outputs(wanted).products, by_outputs.products);
  }
  set_thread_count(0);
}

TEST(GptqSums, SizesThatDoNotFitAreRefused) {
  const Layer layer;
  const std::vector<float> wanted(layer.tokens * layer.rows + 1);
  EXPECT_THAT(test::error_of([&] { layer.for_outputs(wanted); }),
              testing::HasSubstr("values beside the inputs has 21001 elements instead of 21000"));
  EXPECT_THAT(test::error_of([&] {
                sums_for_inputs(layer.weights, 150, layer.inputs, AlignedVector<float>(150));
              }),
              testing::HasSubstr("45000 inputs, but 150 of the float model"));
}

}  // namespace
}  // namespace lightmamba

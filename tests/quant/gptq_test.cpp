#include "quant/gptq.h"

#include <cmath>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <limits>
#include <random>

#include "base/threads.h"
#include "quant/scale_search.h"
#include "support/errors.h"

namespace lightmamba {
namespace {

float largest_over_seven(std::span<const float> weights, std::span<const float> /*importance*/) {
  float largest = 0;
  for (const float weight : weights) largest = std::max(largest, std::abs(weight));
  return largest / 7;
}

std::vector<float> random_values(std::int64_t count, std::uint32_t seed) {
  std::mt19937 generator(seed);
  std::normal_distribution<float> normal;
  std::vector<float> values(static_cast<std::size_t>(count));
  for (float& value : values) value = normal(generator);
  return values;
}

// Inputs of a layer, [tokens, columns], each close to its neighbours.
std::vector<float> correlated_inputs(std::int64_t tokens, std::int64_t columns) {
  std::vector<float> inputs = random_values(tokens * columns, 1);
  for (std::int64_t t = 0; t < tokens; ++t) {
    float* row = inputs.data() + t * columns;
    for (std::int64_t c = 1; c < columns; ++c) row[c] = 0.9F * row[c - 1] + 0.4F * row[c];
  }
  return inputs;
}

struct Rounded {
  std::vector<float> weights;
  std::vector<std::int8_t> codes;
  std::vector<float> scales;
};

Rounded run(const std::vector<float>& weights, std::int64_t rows, std::int64_t columns,
            std::span<const float> hessian, const GptqOptions& options,
            const ScaleFn& scale_of = largest_over_seven, std::span<const float> products = {}) {
  const std::int64_t groups = (columns + options.group - 1) / options.group;
  Rounded result{weights, std::vector<std::int8_t>(weights.size()),
                 std::vector<float>(static_cast<std::size_t>(rows * groups))};
  gptq(result.weights, rows, columns, hessian, products, options, scale_of, result.codes,
       result.scales);
  return result;
}

// One row by the update rule of the paper (equations 2 and 3, in the order of the columns) and a
// full inverse, in double.
std::vector<int> plain_gptq(std::span<const float> row, std::span<const float> hessian,
                            const GptqOptions& options) {
  const std::size_t n = row.size();
  std::vector<double> augmented(n * 2 * n);
  double mean = 0;
  for (std::size_t i = 0; i < n; ++i) mean += hessian[i * n + i] / static_cast<double>(n);
  for (std::size_t i = 0; i < n; ++i) {
    for (std::size_t j = 0; j < n; ++j) augmented[i * 2 * n + j] = hessian[i * n + j];
    augmented[i * 2 * n + i] += options.damping * mean;
    augmented[i * 2 * n + n + i] = 1;
  }
  for (std::size_t pivot = 0; pivot < n; ++pivot) {
    double* from = &augmented[pivot * 2 * n];
    const double value = from[pivot];
    for (std::size_t j = 0; j < 2 * n; ++j) from[j] /= value;
    for (std::size_t i = 0; i < n; ++i) {
      double* to = &augmented[i * 2 * n];
      const double factor = to[pivot];
      for (std::size_t j = 0; i != pivot && j < 2 * n; ++j) to[j] -= factor * from[j];
    }
  }
  const auto inverse = [&](std::size_t i, std::size_t j) -> double& {
    return augmented[i * 2 * n + n + j];
  };

  std::vector<double> weights(row.begin(), row.end());
  std::vector<int> codes(n);
  double scale = 0;
  for (std::size_t q = 0; q < n; ++q) {
    if (q % static_cast<std::size_t>(options.group) == 0) {
      scale = 0;
      for (std::size_t j = q; j < std::min(n, q + static_cast<std::size_t>(options.group)); ++j) {
        scale = std::max(scale, std::abs(weights[j]) / 7);
      }
    }
    codes[q] = std::clamp(static_cast<int>(std::nearbyint(weights[q] / scale)), options.lowest,
                          options.highest);
    const double error = (weights[q] - codes[q] * scale) / inverse(q, q);
    for (std::size_t j = q; j < n; ++j) weights[j] -= error * inverse(q, j);
    for (std::size_t i = q + 1; i < n; ++i) {
      const double factor = inverse(i, q) / inverse(q, q);
      for (std::size_t j = q; j < n; ++j) inverse(i, j) -= factor * inverse(q, j);
    }
  }
  return codes;
}

double output_error(const std::vector<float>& a, const std::vector<float>& b,
                    const std::vector<float>& inputs, std::int64_t columns) {
  double sum = 0;
  const auto n = static_cast<std::size_t>(columns);
  for (std::size_t row = 0; row < a.size(); row += n) {
    for (std::size_t token = 0; token < inputs.size(); token += n) {
      double y = 0;
      for (std::size_t c = 0; c < n; ++c) {
        y += (static_cast<double>(a[row + c]) - b[row + c]) * inputs[token + c];
      }
      sum += y * y;
    }
  }
  return sum;
}

TEST(Gptq, TheHessianIsTheSumOfOuterProducts) {
  const std::int64_t columns = 150;
  const std::vector<float> x = random_values(9 * columns, 3);
  HessianAccumulator accumulator(columns);
  accumulator.add(std::span(x).first(4 * columns));
  EXPECT_EQ(accumulator.tokens(), 4);
  EXPECT_EQ(std::ssize(accumulator.matrix()), columns * columns);
  accumulator.add(std::span(x).subspan(4 * columns));
  EXPECT_EQ(accumulator.tokens(), 9);
  const std::span<const float> matrix = accumulator.matrix();
  for (std::int64_t i = 0; i < columns; ++i) {
    for (std::int64_t j = 0; j < columns; ++j) {
      double sum = 0;
      for (std::int64_t t = 0; t < 9; ++t) {
        sum += static_cast<double>(x[static_cast<std::size_t>(t * columns + i)]) *
               x[static_cast<std::size_t>(t * columns + j)];
      }
      ASSERT_NEAR(matrix[static_cast<std::size_t>(i * columns + j)], sum, 1e-5);
    }
  }
  EXPECT_THAT(test::error_of([&] { accumulator.add(std::span(x).first(151)); }),
              testing::HasSubstr("151 values are not rows of 150"));
}

class GptqGroups : public testing::TestWithParam<std::int64_t> {};

TEST_P(GptqGroups, GivesTheCodesOfThePlainAlgorithm) {
  const std::int64_t rows = 3;
  const std::int64_t columns = 300;
  const std::vector<float> inputs = correlated_inputs(400, columns);
  const std::vector<float> weights = random_values(rows * columns, 4);
  HessianAccumulator accumulator(columns);
  accumulator.add(inputs);
  const GptqOptions options{.group = GetParam(), .lowest = -8, .highest = 7};
  const Rounded result = run(weights, rows, columns, accumulator.matrix(), options);

  const std::int64_t groups = std::ssize(result.scales) / rows;
  std::int64_t different = 0;
  std::vector<float> expected(weights.size());
  for (std::int64_t row = 0; row < rows; ++row) {
    const std::vector<int> codes =
        plain_gptq(std::span(weights).subspan(static_cast<std::size_t>(row * columns), columns),
                   accumulator.matrix(), options);
    for (std::int64_t j = 0; j < columns; ++j) {
      const auto at = static_cast<std::size_t>(row * columns + j);
      const float scale = result.scales[static_cast<std::size_t>(row * groups + j / GetParam())];
      different += codes[static_cast<std::size_t>(j)] != result.codes[at] ? 1 : 0;
      expected[at] = static_cast<float>(codes[static_cast<std::size_t>(j)]) * scale;
      ASSERT_EQ(result.weights[at], static_cast<float>(result.codes[at]) * scale);
    }
  }
  EXPECT_LE(different, rows * columns / 100);
  const double error = output_error(weights, expected, inputs, columns);
  EXPECT_NEAR(output_error(weights, result.weights, inputs, columns), error, 1e-3 * error);
}

INSTANTIATE_TEST_SUITE_P(Widths, GptqGroups, testing::Values(1, 32, 48, 128, 150, 300));

TEST(Gptq, OutputsAreCloserThanByPlainRounding) {
  const std::int64_t rows = 20;
  const std::int64_t columns = 256;
  const std::vector<float> inputs = correlated_inputs(512, columns);
  const std::vector<float> weights = random_values(rows * columns, 5);
  HessianAccumulator accumulator(columns);
  accumulator.add(inputs);
  const GptqOptions options{.group = 64, .lowest = -8, .highest = 7};
  const Rounded compensated = run(weights, rows, columns, accumulator.matrix(), options);
  std::vector<float> identity(static_cast<std::size_t>(columns * columns));
  for (std::size_t i = 0; i < identity.size(); i += columns + 1) identity[i] = 1;
  const Rounded plain = run(weights, rows, columns, identity, options);
  EXPECT_LT(output_error(weights, compensated.weights, inputs, columns),
            0.5 * output_error(weights, plain.weights, inputs, columns));
}

TEST(Gptq, WithoutCorrelationItRoundsPlainly) {
  const std::int64_t rows = 2;
  const std::int64_t columns = 200;
  const std::vector<float> weights = random_values(rows * columns, 6);
  std::vector<float> diagonal(static_cast<std::size_t>(columns * columns));
  for (std::int64_t i = 0; i < columns; ++i) {
    diagonal[static_cast<std::size_t>(i * (columns + 1))] = 1 + static_cast<float>(i % 7);
  }
  const Rounded result = run(weights, rows, columns, diagonal, {40, -8, 7});
  for (std::size_t begin = 0; begin < weights.size(); begin += 40) {
    const std::span<const float> group = std::span(weights).subspan(begin, 40);
    const float scale = largest_over_seven(group, {});
    EXPECT_EQ(result.scales[begin / 40], scale);
    std::vector<std::int8_t> codes(40);
    round_to_codes(group, scale, -8, 7, codes);
    EXPECT_THAT(std::span(result.codes).subspan(begin, 40), testing::ElementsAreArray(codes));
  }
}

TEST(Gptq, ImportanceIsTheDiagonal) {
  const std::vector<float> hessian = {2, 1, 0, 1, 3, 0, 0, 0, 0};
  std::vector<std::vector<float>> seen;
  run({0.5F, 1, 2}, 1, 3, hessian, {2, -8, 7},
      [&](std::span<const float> weights, std::span<const float> importance) {
        EXPECT_EQ(weights.size(), importance.size());
        seen.emplace_back(importance.begin(), importance.end());
        return 0.25F;
      });
  EXPECT_EQ(seen, (std::vector<std::vector<float>>{{2, 3}, {0}}));
}

TEST(Gptq, ColumnsWithoutInputAreRoundedByThemselves) {
  const std::int64_t columns = 96;
  std::vector<float> inputs = correlated_inputs(200, columns);
  for (std::size_t i = 0; i < inputs.size(); ++i) {
    if (i % columns == 5 || i % columns == 95) inputs[i] = 0;
  }
  HessianAccumulator accumulator(columns);
  accumulator.add(inputs);
  const std::vector<float> weights = random_values(columns, 7);
  const ScaleFn quarter = [](auto, auto) { return 0.25F; };
  const GptqOptions options{.group = 32, .lowest = -128, .highest = 127};
  const Rounded result = run(weights, 1, columns, accumulator.matrix(), options, quarter);
  for (const std::size_t dead : {5, 95}) {
    EXPECT_EQ(result.codes[dead], static_cast<int>(std::nearbyint(weights[dead] * 4)));
  }
  std::vector<float> changed = weights;
  changed[5] += 3;
  EXPECT_EQ(run(changed, 1, columns, accumulator.matrix(), options, quarter).codes[6],
            result.codes[6]);

  const std::vector<float> nothing(static_cast<std::size_t>(columns * columns));
  const Rounded all_dead = run(weights, 1, columns, nothing, options, quarter);
  for (std::size_t i = 0; i < weights.size(); ++i) {
    EXPECT_EQ(all_dead.codes[i], static_cast<int>(std::nearbyint(weights[i] * 4)));
  }
}

TEST(Gptq, AZeroScaleGivesZeros) {
  const std::vector<float> hessian = {2, 1, 1, 3};
  const Rounded result = run({0.5F, 1}, 1, 2, hessian, {2, -8, 7}, [](auto, auto) { return 0.0F; });
  EXPECT_THAT(result.codes, testing::Each(0));
  EXPECT_THAT(result.weights, testing::Each(0.0F));
}

TEST(Gptq, ThreadsDoNotChangeABit) {
  const std::int64_t rows = 200;
  const std::int64_t columns = 320;
  const std::vector<float> inputs = correlated_inputs(350, columns);
  const std::vector<float> weights = random_values(rows * columns, 8);
  Rounded first;
  std::vector<float> first_hessian;
  for (const int threads : {1, 2, 3}) {
    set_thread_count(threads);
    HessianAccumulator accumulator(columns);
    accumulator.add(inputs);
    const std::span<const float> matrix = accumulator.matrix();
    const Rounded result = run(weights, rows, columns, matrix, {64, -8, 7});
    if (threads == 1) {
      first = result;
      first_hessian.assign(matrix.begin(), matrix.end());
    }
    EXPECT_THAT(matrix, testing::ElementsAreArray(first_hessian));
    EXPECT_EQ(result.codes, first.codes);
    EXPECT_EQ(result.scales, first.scales);
    EXPECT_EQ(result.weights, first.weights);
  }
  set_thread_count(0);
}

// H X = B for a symmetric positive definite H [n, n] in double, by Gauss-Jordan elimination.
std::vector<double> solve(std::vector<double> h, std::vector<double> b, std::size_t n) {
  for (std::size_t pivot = 0; pivot < n; ++pivot) {
    const double value = h[pivot * n + pivot];
    for (std::size_t i = 0; i < n; ++i) {
      if (i == pivot) continue;
      const double factor = h[i * n + pivot] / value;
      for (std::size_t j = 0; j < n; ++j) h[i * n + j] -= factor * h[pivot * n + j];
      b[i] -= factor * b[pivot];
    }
  }
  for (std::size_t i = 0; i < n; ++i) b[i] /= h[i * n + i];
  return b;
}

struct WantedOutputs {
  std::int64_t rows = 3;
  std::int64_t columns = 40;
  std::int64_t tokens = 160;
  std::vector<float> inputs = correlated_inputs(tokens, columns);
  std::vector<float> weights = random_values(rows * columns, 21);
  std::vector<float> errors = random_values(tokens * rows, 22);  // wanted minus W x

  // Sum of |wanted - weight x|^2.
  double error(std::span<const float> weight) const {
    double sum = 0;
    for (std::int64_t t = 0; t < tokens; ++t) {
      for (std::int64_t r = 0; r < rows; ++r) {
        double rest = errors[static_cast<std::size_t>(t * rows + r)];
        for (std::int64_t c = 0; c < columns; ++c) {
          const auto at = static_cast<std::size_t>(r * columns + c);
          rest += (static_cast<double>(weights[at]) - weight[at]) *
                  inputs[static_cast<std::size_t>(t * columns + c)];
        }
        sum += rest * rest;
      }
    }
    return sum;
  }
};

TEST(Gptq, ProductsAreSumsOverTokens) {
  const WantedOutputs w;
  const AlignedVector<float> products = cross_products(w.errors, w.rows, w.inputs, w.columns);
  ASSERT_EQ(std::ssize(products), w.rows * w.columns);
  for (std::int64_t r = 0; r < w.rows; ++r) {
    for (std::int64_t c = 0; c < w.columns; ++c) {
      double sum = 0;
      for (std::int64_t t = 0; t < w.tokens; ++t) {
        sum += static_cast<double>(w.errors[static_cast<std::size_t>(t * w.rows + r)]) *
               w.inputs[static_cast<std::size_t>(t * w.columns + c)];
      }
      ASSERT_NEAR(products[static_cast<std::size_t>(r * w.columns + c)], sum, 1e-3);
    }
  }
  EXPECT_THAT(test::error_of([&] {
                cross_products(std::span(w.errors).first(5), w.rows, w.inputs, w.columns);
              }),
              testing::HasSubstr("values beside the inputs has 5 elements instead of 480"));
}

TEST(Gptq, WithProductsWeightsMoveToTheRidgeSolutionFirst) {
  const WantedOutputs w;
  const auto n = static_cast<std::size_t>(w.columns);
  std::vector<double> hessian(n * n);
  std::vector<double> products(static_cast<std::size_t>(w.rows) * n);
  for (std::size_t t = 0; t < static_cast<std::size_t>(w.tokens); ++t) {
    const float* x = &w.inputs[t * n];
    for (std::size_t i = 0; i < n; ++i) {
      for (std::size_t j = 0; j < n; ++j) hessian[i * n + j] += static_cast<double>(x[i]) * x[j];
      for (std::size_t r = 0; r < 3; ++r) {
        products[r * n + i] += static_cast<double>(w.errors[t * 3 + r]) * x[i];
      }
    }
  }
  const std::vector<float> single(hessian.begin(), hessian.end());
  const std::vector<float> single_products(products.begin(), products.end());
  const GptqOptions options{.group = 1, .lowest = -128, .highest = 127, .damping = 0.02};
  // Every column has a scale of its own, fine enough that rounding hardly matters.
  const ScaleFn fine = [](std::span<const float> weights, auto) {
    return std::max(std::abs(weights[0]), 1e-6F) / 127;
  };
  const Rounded result = run(w.weights, w.rows, w.columns, single, options, fine, single_products);

  double trace = 0;
  for (std::size_t i = 0; i < n; ++i) trace += hessian[i * (n + 1)];
  for (std::size_t i = 0; i < n; ++i) {
    hessian[i * (n + 1)] += 0.02 * trace / static_cast<double>(n);
  }
  double largest_move = 0;
  for (std::size_t r = 0; r < 3; ++r) {
    const std::vector<double> move = solve(
        hessian,
        {products.begin() + std::ptrdiff_t(r * n), products.begin() + std::ptrdiff_t((r + 1) * n)},
        n);
    for (std::size_t c = 0; c < n; ++c) {
      ASSERT_NEAR(result.weights[r * n + c], w.weights[r * n + c] + move[c], 2e-5);
      largest_move = std::max(largest_move, std::abs(move[c]));
    }
  }
  EXPECT_GT(largest_move, 0.05);
}

TEST(Gptq, WithProductsOutputsComeCloserToWhatIsWanted) {
  const WantedOutputs w;
  HessianAccumulator accumulator(w.columns);
  accumulator.add(w.inputs);
  const AlignedVector<float> products = cross_products(w.errors, w.rows, w.inputs, w.columns);
  const GptqOptions options{.group = 20, .lowest = -128, .highest = 127, .damping = 1e-4};
  const ScaleFn scale = [](std::span<const float> weights, std::span<const float> importance) {
    return largest_over_seven(weights, importance) * 7 / 127;
  };
  const Rounded without = run(w.weights, w.rows, w.columns, accumulator.matrix(), options, scale);
  const Rounded with =
      run(w.weights, w.rows, w.columns, accumulator.matrix(), options, scale, products);
  // The 160 errors of a row are noise; 40 weights can remove a quarter of them.
  EXPECT_LT(w.error(with.weights), 0.85 * w.error(without.weights));
  EXPECT_LT(w.error(with.weights), 0.85 * w.error(w.weights));
}

TEST(Gptq, BadArgumentsAreRefused) {
  const std::vector<float> weights(6, 1.0F);
  const auto message = [&](std::vector<float> hessian, GptqOptions options) {
    return test::error_of([&] { run(weights, 2, 3, hessian, options); });
  };
  EXPECT_THAT(message(std::vector<float>(8), {1, -8, 7}),
              testing::HasSubstr("Hessian has 8 elements instead of 9"));
  EXPECT_THAT(message({1, 0, 0, 0, -1, 0, 0, 0, 1}, {3, -8, 7}),
              testing::HasSubstr("not positive definite"));
  EXPECT_THAT(message({1, 2, 0, 2, 1, 0, 0, 0, 1}, {3, -8, 7}),
              testing::HasSubstr("not positive definite"));
  const float nan = std::numeric_limits<float>::quiet_NaN();
  EXPECT_THROW(run(weights, 2, 3, std::vector<float>{1, nan, 0, nan, 1, 0, 0, 0, 1}, {3, -8, 7}),
               Error);
  EXPECT_THROW(run(weights, 2, 3, std::vector<float>{1, 0, 0, 0, nan, 0, 0, 0, 1}, {3, -8, 7}),
               Error);
  std::vector<float> copy = weights;
  std::vector<std::int8_t> codes(6);
  std::vector<float> scales(2);
  const std::vector<float> identity = {1, 0, 0, 0, 1, 0, 0, 0, 1};
  const auto error = [&](std::size_t weight_count, std::size_t code_count, std::size_t scale_count,
                         std::int64_t group) {
    return test::error_of([&] {
      gptq(std::span(copy).first(weight_count), 2, 3, identity, {}, {group, -8, 7},
           largest_over_seven, std::span(codes).first(code_count),
           std::span(scales).first(scale_count));
    });
  };
  EXPECT_THAT(error(5, 6, 2, 3), testing::HasSubstr("weight has 5"));
  EXPECT_THAT(error(6, 5, 2, 3), testing::HasSubstr("code array has 5"));
  EXPECT_THAT(error(6, 6, 1, 3), testing::HasSubstr("scale array has 1"));
  EXPECT_THAT(error(6, 6, 2, 0), testing::HasSubstr("group of 0"));
}

}  // namespace
}  // namespace lightmamba

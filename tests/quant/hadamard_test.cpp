#include "quant/hadamard.h"

#include <bit>
#include <cmath>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <numeric>
#include <random>

#include "base/threads.h"
#include "support/errors.h"

namespace lightmamba {
namespace {

constexpr std::int64_t kDimensions[] = {1,   2,    12,   24,   28,   40, 44,  76, 384,
                                        768, 1024, 1536, 2560, 5120, 52, 100, 200};
// Without a Hadamard matrix of a known construction.
constexpr std::int64_t kTwoSteps[] = {3, 5, 6, 7, 9, 10, 18, 66, 92, 172, 770, 2561};

std::vector<float> random_values(std::int64_t count, std::uint32_t seed) {
  std::mt19937 generator(seed);
  std::normal_distribution<float> normal;
  std::vector<float> values(static_cast<std::size_t>(count));
  for (float& value : values) value = normal(generator);
  return values;
}

// (H_m (x) H_n) / sqrt(d) times the d entries of x that lie `stride` apart.
std::vector<double> dense_product(std::int64_t d, const float* x, std::int64_t stride) {
  const auto [m, n] = hadamard_shape(d);
  const std::vector<std::int8_t> outer = hadamard_matrix(m);
  std::vector<double> y(static_cast<std::size_t>(d));
  for (std::int64_t i = 0; i < d; ++i) {
    double sum = 0;
    for (std::int64_t j = 0; j < d; ++j) {
      const int inner = std::popcount(static_cast<unsigned>(i % n & j % n)) % 2 == 0 ? 1 : -1;
      sum += outer[static_cast<std::size_t>(i / n * m + j / n)] * inner *
             static_cast<double>(x[j * stride]);
    }
    y[static_cast<std::size_t>(i)] = sum / std::sqrt(static_cast<double>(d));
  }
  return y;
}

double norm(std::span<const float> x) {
  double sum = 0;
  for (const float value : x) sum += static_cast<double>(value) * value;
  return std::sqrt(sum);
}

TEST(Hadamard, RowsAreOrthogonalSigns) {
  for (const std::int64_t order : {1, 2, 4, 8, 12, 16, 20, 24, 28, 32, 36, 40, 44, 48, 56, 60, 64,
                                   72, 76, 80, 84, 104, 108, 128, 148, 160,
                                   // 25, 49, 121, 3^5, 7^3 elements, and a doubling
                                   52, 100, 244, 344, 200}) {
    const std::vector<std::int8_t> matrix = hadamard_matrix(order);
    ASSERT_EQ(std::ssize(matrix), order * order);
    for (const std::int8_t entry : matrix) ASSERT_TRUE(entry == 1 || entry == -1) << order;
    for (std::int64_t i = 0; i < order; ++i) {
      for (std::int64_t j = 0; j <= i; ++j) {
        const std::int8_t* a = matrix.data() + i * order;
        ASSERT_EQ(std::inner_product(a, a + order, matrix.data() + j * order, 0),
                  i == j ? order : 0)
            << order << ": " << i << ", " << j;
      }
    }
  }
}

TEST(Hadamard, PowersOfTwoAreInSylvestersOrder) {
  const std::vector<std::int8_t> matrix = hadamard_matrix(32);
  for (unsigned i = 0; i < 32; ++i) {
    for (unsigned j = 0; j < 32; ++j) {
      EXPECT_EQ(matrix[i * 32 + j], std::popcount(i & j) % 2 == 0 ? 1 : -1);
    }
  }
}

TEST(Hadamard, AnOrderWithoutConstructionIsNamed) {
  for (const std::int64_t order : {-4, 0, 3, 6, 10, 18, 92, 172}) {
    EXPECT_THAT(test::error_of([&] { hadamard_matrix(order); }),
                testing::HasSubstr("order " + std::to_string(order) + " "));
  }
}

TEST(Hadamard, ShapesTakeTheLargestButterfly) {
  EXPECT_EQ(hadamard_shape(1), (HadamardShape{1, 1}));
  EXPECT_EQ(hadamard_shape(2), (HadamardShape{1, 2}));
  EXPECT_EQ(hadamard_shape(24), (HadamardShape{12, 2}));
  EXPECT_EQ(hadamard_shape(28), (HadamardShape{28, 1}));
  EXPECT_EQ(hadamard_shape(128), (HadamardShape{1, 128}));
  EXPECT_EQ(hadamard_shape(384), (HadamardShape{12, 32}));
  EXPECT_EQ(hadamard_shape(768), (HadamardShape{12, 64}));
  EXPECT_EQ(hadamard_shape(1024), (HadamardShape{8, 128}));
  EXPECT_EQ(hadamard_shape(1536), (HadamardShape{12, 128}));
  EXPECT_EQ(hadamard_shape(2048), (HadamardShape{16, 128}));
  EXPECT_EQ(hadamard_shape(2560), (HadamardShape{20, 128}));
  EXPECT_EQ(hadamard_shape(3072), (HadamardShape{24, 128}));
  EXPECT_EQ(hadamard_shape(5120), (HadamardShape{40, 128}));
  for (const std::int64_t d : {-128, 0, 3, 770, 2561}) {
    EXPECT_THAT(test::error_of([&] { hadamard_shape(d); }),
                testing::HasSubstr("order " + std::to_string(d) + " "));
  }
  for (const std::int64_t d : {-128, 0}) EXPECT_THROW(HadamardTransform{d}, Error);
}

bool is_prime(std::int64_t value) {
  std::int64_t divisors = 0;
  for (std::int64_t i = 1; i <= value; ++i) divisors += value % i == 0 ? 1 : 0;
  return divisors == 2;
}

// Files in use depend on it.
TEST(Hadamard, ADimensionThatPrimesServeTakesNoLargerField) {
  const auto served = [](std::int64_t order) {
    for (;; order /= 2) {
      if (order == 1 || (order % 4 == 0 && is_prime(order - 1)) ||
          (order % 4 == 0 && order / 2 % 4 == 2 && is_prime(order / 2 - 1))) {
        return true;
      }
      if (order % 2 != 0) return false;
    }
  };
  for (std::int64_t d = 1; d <= 1300; ++d) {
    std::int64_t n = 128;
    while (n > 0 && (d % n != 0 || !served(d / n))) n /= 2;
    if (n > 0) {
      EXPECT_EQ(hadamard_shape(d), (HadamardShape{d / n, n}));
      EXPECT_EQ(rotation_order(d), d);
    }
  }
  EXPECT_EQ(hadamard_shape(208), (HadamardShape{104, 2}));  // not 52 x 4
  EXPECT_EQ(hadamard_shape(688), (HadamardShape{344, 2}));
  // Paley's first construction over 27 elements would be another matrix than his second over 13.
  const std::vector<std::int8_t> matrix = hadamard_matrix(28);
  EXPECT_THAT(std::vector(matrix.begin(), matrix.begin() + 8),
              testing::ElementsAre(1, -1, 1, 1, 1, 1, 1, 1));
}

TEST(Hadamard, OtherDimensionsAreRotatedInTwoSteps) {
  for (std::int64_t d = 1; d < 3000; ++d) {
    const std::int64_t order = rotation_order(d);
    ASSERT_LE(order, d);
    ASSERT_GE(2 * order, d);
    if (order < d && d >= 32) {
      ASSERT_GT(9 * order, 8 * d);
    }
    ASSERT_NO_THROW(hadamard_shape(order)) << d;
  }
  EXPECT_THAT(signs_between_steps(64), testing::IsEmpty());
  EXPECT_EQ(rotation_order(66), 64);
  EXPECT_EQ(rotation_order(92), 88);
  EXPECT_EQ(rotation_order(770), 768);
  EXPECT_THAT(test::error_of([] { rotation_order(0); }), testing::HasSubstr("found 0"));
  for (const std::int64_t d : kTwoSteps) {
    SCOPED_TRACE(d);
    const std::int64_t order = rotation_order(d);
    ASSERT_LT(order, d);
    const std::vector<float> x = random_values(d, 11);
    std::vector<float> y = x;
    HadamardTransform(d).apply(y);
    std::vector<float> steps = x;
    for (const std::int64_t begin : {std::int64_t{0}, d - order}) {
      const std::vector<double> step = dense_product(order, steps.data() + begin, 1);
      std::copy(step.begin(), step.end(), steps.begin() + begin);
      if (begin > 0) break;
      const std::vector<float> signs = signs_between_steps(d);
      for (std::size_t i = 0; i < x.size(); ++i) steps[i] *= signs[i];
    }
    for (std::size_t i = 0; i < x.size(); ++i) ASSERT_NEAR(y[i], steps[i], 1e-6 * norm(x));
    EXPECT_NEAR(norm(y) / norm(x), 1.0, 1e-6);
    HadamardTransform(d).apply_transposed(y);
    for (std::size_t i = 0; i < x.size(); ++i) ASSERT_NEAR(y[i], x[i], 4e-6);
    // Down a column as along a row.
    std::vector<float> columns = x;
    HadamardTransform(d).apply_columns(columns, 1);
    HadamardTransform(d).apply_transposed(columns);
    for (std::size_t i = 0; i < x.size(); ++i) ASSERT_NEAR(columns[i], x[i], 4e-6);
  }
}

// An outlier in any channel reaches the others: none keeps most of it.
TEST(Hadamard, TwoStepsSpreadEveryChannel) {
  for (const std::int64_t d : {66, 92, 172, 770}) {
    for (std::int64_t channel = 0; channel < d; ++channel) {
      std::vector<float> x(static_cast<std::size_t>(d));
      x[static_cast<std::size_t>(channel)] = 1;
      HadamardTransform(d).apply(x);
      for (const float value : x) ASSERT_LT(std::abs(value), 0.5F) << d << ", " << channel;
    }
  }
}

TEST(Hadamard, ButterflyAndMixAreTheDenseProducts) {
  const std::int64_t run = 19;
  for (const std::int64_t order : {1, 2, 4, 8, 32, 128, 12, 20, 28}) {
    const std::vector<std::int8_t> matrix = hadamard_matrix(order);
    const std::vector<float> x = random_values(order * run, 1);
    std::vector<double> expected(x.size());
    for (std::int64_t i = 0; i < order * order; ++i) {
      for (std::int64_t c = 0; c < run; ++c) {
        expected[static_cast<std::size_t>(i / order * run + c)] +=
            matrix[static_cast<std::size_t>(i)] *
            static_cast<double>(x[static_cast<std::size_t>(i % order * run + c)]);
      }
    }
    std::vector<float> mixed = x;
    hadamard_mix(mixed, std::vector<float>(matrix.begin(), matrix.end()), order);
    for (std::size_t i = 0; i < x.size(); ++i) ASSERT_NEAR(mixed[i], expected[i], 1e-4) << order;
    if (std::has_single_bit(static_cast<unsigned>(order))) {
      std::vector<float> swapped = x;
      hadamard_butterfly(swapped, order);
      for (std::size_t i = 0; i < x.size(); ++i) ASSERT_NEAR(swapped[i], expected[i], 1e-4);
    }
  }
}

TEST(Hadamard, RowsAreMultipliedAsByTheDenseMatrix) {
  for (const std::int64_t d : kDimensions) {
    const HadamardTransform transform(d);
    const std::vector<float> x = random_values(2 * d, 7);
    std::vector<float> y = x;
    transform.apply(y);
    for (const std::int64_t row : {0, 1}) {
      const std::vector<double> expected = dense_product(d, x.data() + row * d, 1);
      const double length = norm(
          std::span(x).subspan(static_cast<std::size_t>(row * d), static_cast<std::size_t>(d)));
      for (std::int64_t i = 0; i < d; ++i) {
        ASSERT_NEAR(y[static_cast<std::size_t>(row * d + i)], expected[static_cast<std::size_t>(i)],
                    1e-6 * length)
            << d;
      }
    }
    EXPECT_NEAR(norm(y) / norm(x), 1.0, 1e-6);
  }
}

TEST(Hadamard, TransposedInverts) {
  for (const std::int64_t d : kDimensions) {
    const HadamardTransform transform(d);
    const std::vector<float> x = random_values(3 * d, 8);
    std::vector<float> y = x;
    transform.apply(y);
    transform.apply_transposed(y);
    for (std::size_t i = 0; i < x.size(); ++i) ASSERT_NEAR(y[i], x[i], 4e-6) << d;
    transform.apply_columns_transposed(y, 3);
    transform.apply_columns(y, 3);
    for (std::size_t i = 0; i < x.size(); ++i) ASSERT_NEAR(y[i], x[i], 8e-6) << d;
  }
}

TEST(Hadamard, ColumnsAreMultipliedAsByTheDenseMatrix) {
  for (const std::int64_t d : {12, 40, 384}) {
    for (const std::int64_t columns : {1, 16, 37}) {
      const std::vector<float> x = random_values(d * columns, 9);
      std::vector<float> y = x;
      HadamardTransform(d).apply_columns(y, columns);
      for (std::int64_t c = 0; c < columns; ++c) {
        const std::vector<double> expected = dense_product(d, x.data() + c, columns);
        for (std::int64_t i = 0; i < d; ++i) {
          ASSERT_NEAR(y[static_cast<std::size_t>(i * columns + c)],
                      expected[static_cast<std::size_t>(i)], 1e-5);
        }
      }
    }
  }
}

TEST(Hadamard, AnySizeThatIsNotOneOfRowsIsRefused) {
  const HadamardTransform transform(12);
  std::vector<float> values(30);
  EXPECT_THAT(test::error_of([&] { transform.apply(values); }), testing::HasSubstr("rows of 12"));
  EXPECT_THAT(test::error_of([&] { transform.apply_columns(values, 2); }),
              testing::HasSubstr("12 rows of 2"));
}

TEST(Hadamard, ThreadsDoNotChangeABit) {
  const std::int64_t d = 2560;
  const std::int64_t rows = 70;
  const HadamardTransform transform(d);
  const std::vector<float> x = random_values(rows * d, 10);
  std::vector<float> first[2];
  for (const int threads : {1, 2, 3}) {
    set_thread_count(threads);
    std::vector<float> results[2] = {x, x};
    transform.apply(results[0]);
    transform.apply_columns(results[1], rows);
    for (const int i : {0, 1}) {
      if (threads == 1) first[i] = results[i];
      EXPECT_EQ(results[i], first[i]);
    }
  }
  set_thread_count(0);
}

TEST(Hadamard, SignsFollowTheSeedAndBalance) {
  const std::vector<float> signs = random_signs(100'000, 1);
  float sum = 0;
  for (const float sign : signs) {
    ASSERT_EQ(std::abs(sign), 1.0F);
    sum += sign;
  }
  EXPECT_LT(std::abs(sum), 4 * std::sqrt(100'000.0F));
  EXPECT_EQ(random_signs(100'000, 1), signs);
  EXPECT_NE(random_signs(100'000, 2), signs);
  // The first outputs of splitmix64 seeded with 0: E220A839..., 6E789E6A..., 06C45D18...,
  // F88BB8A8...
  EXPECT_THAT(random_signs(4, 0), testing::ElementsAre(-1, 1, 1, -1));
}

}  // namespace
}  // namespace lightmamba

#include "quant/pack.h"

#include <cmath>
#include <gtest/gtest.h>
#include <random>
#include <vector>

#include "base/dtype.h"

namespace lightmamba {
namespace {

struct Packed {
  std::int64_t rows;
  std::int64_t columns;
  CodeFormat format;
  std::vector<std::int8_t> codes;  // [rows, columns]
  std::vector<float> scales;       // halves [rows, groups]
  QuantizedMatrix stored;

  Packed(std::int64_t row_count, std::int64_t column_count, const CodeFormat& code_format)
      : rows(row_count),
        columns(column_count),
        format(code_format),
        stored(row_count, column_count, code_format) {
    const std::int64_t groups = (columns + format.group - 1) / format.group;
    std::mt19937 generator(static_cast<unsigned>(rows + columns));
    const int half = 1 << (format.bits - 1);
    for (std::int64_t i = 0; i < rows * columns; ++i) {
      codes.push_back(
          static_cast<std::int8_t>(static_cast<int>(generator() % (2U * unsigned(half))) - half));
    }
    for (std::int64_t i = 0; i < rows * groups; ++i) {
      // Eleven significant bits fit a half.
      const auto mantissa = static_cast<float>(1024 + generator() % 1024);
      scales.push_back(
          std::ldexp(i % 3 == 0 ? -mantissa : mantissa, -12 - static_cast<int>(i % 4)));
    }
    for (std::int64_t row = 0; row < rows; ++row) {
      stored.set_row(row, {codes.data() + row * columns, static_cast<std::size_t>(columns)},
                     {scales.data() + row * groups, static_cast<std::size_t>(groups)});
    }
  }

  double value(std::int64_t row, std::int64_t column) const {
    const std::int64_t groups = (columns + format.group - 1) / format.group;
    return static_cast<double>(codes[static_cast<std::size_t>(row * columns + column)]) *
           static_cast<double>(
               scales[static_cast<std::size_t>(row * groups + column / format.group)]);
  }
};

// Rows, columns and format; last blocks, units and groups that are not full are among them.
const std::vector<std::tuple<std::int64_t, std::int64_t, CodeFormat>> kCases = {
    {3, 16, {4, 8}}, {5, 17, {4, 8}},  {16, 17, {4, 16}}, {4, 1, {4, 128}},   {20, 131, {4, 128}},
    {3, 16, {8, 8}}, {17, 19, {8, 8}}, {70, 33, {4, 32}}, {150, 40, {8, 16}}, {2, 9, {4, 8}}};

TEST(Pack, BytesAreAsTheFormatSays) {
  QuantizedMatrix four(17, 9, {4, 8});
  four.set_row(2, std::vector<std::int8_t>{1, -2, 7, -8, -1, 2, 3, 4, 5},
               std::vector<float>{0.5F, -2});
  EXPECT_EQ(four.code_tensor().dtype, DType::u8);
  EXPECT_EQ(four.code_tensor().shape, (Shape{2, 2, 16, 4}));
  EXPECT_EQ(four.scale_tensor().dtype, DType::f16);
  EXPECT_EQ(four.scale_tensor().shape, (Shape{2, 2, 16}));
  AlignedVector<std::byte> codes(256, std::byte{0x88});
  const std::vector<unsigned> first = {0x79, 0xa6, 0xbf, 0xc0};  // columns 0 4, 1 5, 2 6, 3 7
  for (std::size_t j = 0; j < 4; ++j) codes[2 * 4 + j] = static_cast<std::byte>(first[j]);
  codes[64 + 2 * 4] = std::byte{0x8d};
  EXPECT_EQ(*four.codes, codes);
  AlignedVector<std::uint16_t> scales(64);
  scales[2] = 0x3800;
  scales[16 + 2] = 0xc000;
  EXPECT_EQ(*four.scales, scales);
  EXPECT_EQ(four.matrix().bytes(), 256u + 128u);

  QuantizedMatrix eight(1, 5, {8, 8});
  eight.set_row(0, std::vector<std::int8_t>{-128, 127, -1, 0, 5}, std::vector<float>{1});
  EXPECT_EQ(eight.code_tensor().shape, (Shape{1, 2, 16, 4}));
  codes.assign(128, std::byte{0x80});
  const std::vector<unsigned> row = {0x00, 0xff, 0x7f, 0x80};
  for (std::size_t j = 0; j < 4; ++j) codes[j] = static_cast<std::byte>(row[j]);
  codes[64] = std::byte{0x85};
  EXPECT_EQ(*eight.codes, codes);
  EXPECT_EQ(eight.matrix().bytes(), 128u + 32u);
}

TEST(Pack, RowsAreCodesTimesScales) {
  for (const auto& [rows, columns, format] : kCases) {
    SCOPED_TRACE(testing::Message() << rows << " x " << columns << ", group " << format.group);
    const Packed packed(rows, columns, format);
    const Matrix matrix = packed.stored.matrix();
    EXPECT_TRUE(matrix.is_quantized());
    std::vector<float> row(static_cast<std::size_t>(columns));
    for (std::int64_t r = 0; r < rows; ++r) {
      matrix.row_to_float(r, row);
      for (std::int64_t c = 0; c < columns; ++c) {
        ASSERT_EQ(row[static_cast<std::size_t>(c)], packed.value(r, c)) << r << ' ' << c;
      }
    }
  }
}

TEST(Pack, ARangeOfRowsHasItsOwnCodesAndScales) {
  for (const auto& [rows, columns, format] : kCases) {
    const Packed packed(rows, columns, format);
    const Matrix part = packed.stored.matrix().row_range(1, rows);
    EXPECT_EQ(part.rows, rows - 1);
    const Matrix last = part.row_range(rows - 2, rows - 1);
    EXPECT_EQ(last.rows, 1);
    std::vector<float> row(static_cast<std::size_t>(columns));
    last.row_to_float(0, row);
    for (std::int64_t c = 0; c < columns; ++c) {
      ASSERT_EQ(row[static_cast<std::size_t>(c)], packed.value(rows - 1, c));
    }
  }
}

TEST(Pack, LinearIsTheProductWithTheValues) {
  std::mt19937 generator(5);
  std::normal_distribution<float> normal;
  for (const auto& [rows, columns, format] : kCases) {
    const Packed packed(rows, columns, format);
    for (const std::int64_t tokens : {1, 3}) {
      std::vector<float> x(static_cast<std::size_t>(tokens * columns));
      for (float& value : x) value = normal(generator);
      std::vector<float> y(static_cast<std::size_t>(tokens * rows));
      linear(packed.stored.matrix(), tokens, x, y);
      for (std::int64_t t = 0; t < tokens; ++t) {
        for (std::int64_t r = 0; r < rows; ++r) {
          double sum = 0;
          double size = 0;
          for (std::int64_t c = 0; c < columns; ++c) {
            const double product =
                packed.value(r, c) * x[static_cast<std::size_t>(t * columns + c)];
            sum += product;
            size += std::abs(product);
          }
          ASSERT_NEAR(y[static_cast<std::size_t>(t * rows + r)], sum, 1e-6 * size + 1e-12);
        }
      }
    }
  }
}

TEST(Pack, RoundsRowsToNearest) {
  std::mt19937 generator(6);
  std::normal_distribution<float> normal;
  for (const int bits : {4, 8}) {
    constexpr std::int64_t kColumns = 37;
    constexpr std::int64_t kGroup = 16;
    std::vector<float> weights(kColumns);
    for (float& w : weights) w = normal(generator);
    QuantizedMatrix out(2, kColumns, {bits, kGroup});
    quantize_row(weights, ScaleRule::absmax, 1, out);
    std::vector<float> values(kColumns);
    out.matrix().row_to_float(1, values);
    SquaredError expected;
    for (std::size_t begin = 0; begin < weights.size(); begin += kGroup) {
      const std::size_t end = std::min<std::size_t>(begin + kGroup, kColumns);
      float largest = 0;
      for (std::size_t i = begin; i < end; ++i) largest = std::max(largest, std::abs(weights[i]));
      const float scale = half_to_float(float_to_half(largest / (bits == 4 ? 7.0F : 127.0F)));
      for (std::size_t i = begin; i < end; ++i) {
        // Half a step, or what the rounded scale cannot reach.
        EXPECT_LE(std::abs(values[i] - weights[i]), 0.5F * scale + largest * 0.0005F);
        const double code = values[i] / static_cast<double>(scale);
        EXPECT_EQ(code, std::nearbyint(code));
        expected.difference += std::pow(static_cast<double>(values[i]) - weights[i], 2);
        expected.square += std::pow(static_cast<double>(weights[i]), 2);
      }
    }
    const SquaredError found = squared_error(weights, out.matrix().row_range(1, 2));
    EXPECT_NEAR(found.difference, expected.difference, 1e-12);
    EXPECT_NEAR(found.square, expected.square, 1e-9);
    EXPECT_NEAR(found.relative(), std::sqrt(expected.difference / expected.square), 1e-9);
  }
  EXPECT_EQ(SquaredError{}.relative(), 0);
}

}  // namespace
}  // namespace lightmamba

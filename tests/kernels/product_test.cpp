#include "kernels/product.h"

#include <bit>
#include <cmath>
#include <limits>
#include <random>
#include <vector>

#include <lightmamba/fake_quant.h>

#include "base/buffer.h"
#include "base/dtype.h"
#include "quant/pack.h"
#include "support/errors.h"

namespace lightmamba {
namespace {

using ::testing::HasSubstr;

constexpr float kNan = std::numeric_limits<float>::quiet_NaN();
constexpr float kInfinity = std::numeric_limits<float>::infinity();

std::vector<std::uint32_t> bits_of(const std::vector<float>& values) {
  std::vector<std::uint32_t> bits;
  bits.reserve(values.size());
  for (const float value : values) {
    bits.push_back(std::isnan(value) ? 0x7fc00000U : std::bit_cast<std::uint32_t>(value));
  }
  return bits;
}

// Weights in row-major order, and the same packed.
struct Weights {
  std::vector<std::int8_t> codes;  // [rows][columns]
  std::vector<float> scales;       // [rows][groups]
  QuantizedMatrix stored;
  PackedWeights packed;
};

enum class Codes { random, lowest, highest };

Weights make_weights(int bits, std::int64_t rows, std::int64_t columns, std::int64_t group,
                     Codes kind = Codes::random) {
  std::mt19937 random(static_cast<unsigned>(bits + rows * 7 + columns));
  const int half = 1 << (bits - 1);
  std::uniform_int_distribution<int> code(-half, half - 1);
  std::uniform_real_distribution<float> scale(-0.02F, 0.02F);
  Weights w = {{}, {}, {rows, columns, {bits, group}}, {}};
  for (std::int64_t i = 0; i < rows * columns; ++i) {
    const int value = code(random);
    w.codes.push_back(static_cast<std::int8_t>(kind == Codes::random   ? value
                                               : kind == Codes::lowest ? -half
                                                                       : half - 1));
  }
  const std::int64_t groups = group_count(columns, group);
  for (std::int64_t i = 0; i < rows * groups; ++i) {
    w.scales.push_back(i % 11 == 3 ? 0.0F : half_to_float(float_to_half(scale(random))));
  }
  for (std::int64_t r = 0; r < rows; ++r) {
    w.stored.set_row(r, std::span(w.codes).subspan(r * columns, columns),
                     std::span(w.scales).subspan(r * groups, groups));
  }
  w.packed = packed_weights(w.stored.matrix());
  return w;
}

struct Activations {
  std::vector<std::int8_t> codes;
  std::vector<float> scales;
  std::vector<std::int32_t> sums;
  QuantizedRows rows;

  Activations(std::int64_t tokens, std::int64_t columns, std::int64_t group)
      : codes(tokens * code_stride(columns), std::int8_t{55}),
        scales(tokens * group_count(columns, group)),
        sums(scales.size()),
        rows{tokens, columns, group, codes.data(), scales.data(), sums.data()} {}
};

Activations make_activations(int bits, std::int64_t tokens, std::int64_t columns,
                             std::int64_t group, Codes kind = Codes::random) {
  std::mt19937 random(static_cast<unsigned>(tokens + columns));
  const int half = 1 << (bits - 1);
  std::uniform_int_distribution<int> code(-half, half - 1);
  std::uniform_real_distribution<float> scale(-1.0F, 1.0F);
  Activations x(tokens, columns, group);
  const std::int64_t groups = group_count(columns, group);
  for (std::int64_t t = 0; t < tokens; ++t) {
    for (std::int64_t c = 0; c < code_stride(columns); ++c) {
      const int value = kind == Codes::random   ? code(random)
                        : kind == Codes::lowest ? -half
                                                : half - 1;
      x.codes[t * code_stride(columns) + c] =
          c < columns ? static_cast<std::int8_t>(value) : std::int8_t{0};
      if (c < columns) x.sums[t * groups + c / group] += value;
    }
  }
  for (float& value : x.scales) value = scale(random);
  return x;
}

// By the definition, with integers of 64 bits.
std::vector<float> product(const Weights& w, const Activations& x) {
  const std::int64_t groups = group_count(w.packed.columns, w.packed.format.group);
  std::vector<float> y;
  for (std::int64_t t = 0; t < x.rows.tokens; ++t) {
    for (std::int64_t r = 0; r < w.packed.rows; ++r) {
      float total = 0;
      for (std::int64_t g = 0; g < groups; ++g) {
        std::int64_t dot = 0;
        for (std::int64_t c = g * w.packed.format.group;
             c < std::min((g + 1) * w.packed.format.group, w.packed.columns); ++c) {
          dot += static_cast<std::int64_t>(w.codes[r * w.packed.columns + c]) *
                 x.codes[t * code_stride(w.packed.columns) + c];
        }
        const float scale = w.scales[r * groups + g] * x.scales[t * groups + g];
        total = std::fma(static_cast<float>(dot), scale, total);
      }
      y.push_back(total);
    }
  }
  return y;
}

std::vector<float> kernel_product(Isa isa, const Weights& w, const QuantizedRows& x) {
  std::vector<float> y(x.tokens * w.packed.rows, kNan);
  product_kernels(isa).multiply(w.packed, 0, CodeFormat::blocks(w.packed.rows), x, y.data(),
                                w.packed.rows);
  return y;
}

void expect_same_products(const Weights& w, const Activations& x) {
  const std::vector<std::uint32_t> expected = bits_of(product(w, x));
  for (const Isa isa : supported_isas()) {
    EXPECT_EQ(bits_of(kernel_product(isa, w, x.rows)), expected)
        << isa_name(isa) << ", " << w.packed.format.bits << " bits, [" << w.packed.rows << ", "
        << w.packed.columns << "], group " << w.packed.format.group << ", " << x.rows.tokens
        << " tokens";
  }
}

TEST(PackedWeights, AreWhatAMatrixHolds) {
  const QuantizedMatrix stored(21, 100, {4, 32});
  const PackedWeights packed = packed_weights(stored.matrix().row_range(0, 20));
  EXPECT_EQ(packed.rows, 20);
  EXPECT_EQ(packed.columns, 100);
  EXPECT_EQ(packed.format.bits, 4);
  EXPECT_EQ(packed.format.group, 32);
  EXPECT_EQ(static_cast<const void*>(packed.codes), stored.codes->data());
  EXPECT_EQ(packed.scales, stored.scales->data());
}

TEST(PackedWeights, WhatCannotBeUsedIsRefused) {
  const QuantizedMatrix stored(21, 100, {4, 32});
  const auto error = [&](auto change) {
    Matrix matrix = stored.matrix();
    change(matrix);
    return test::error_of([&] { packed_weights(matrix); });
  };
  EXPECT_THAT(error([](Matrix& m) { m = {.dtype = DType::bf16, .rows = 1, .columns = 1}; }),
              HasSubstr("a matrix of BF16"));
  EXPECT_THAT(error([](Matrix& m) { m = m.row_range(16, 21); }), HasSubstr("row 16"));
  EXPECT_THAT(error([](Matrix& m) { m = m.row_range(3, 3); }), HasSubstr("0 rows"));
  EXPECT_THAT(error([](Matrix& m) { m.data = nullptr; }), HasSubstr("there are none"));
  EXPECT_THAT(error([](Matrix& m) { m.scales = nullptr; }), HasSubstr("there are none"));
  EXPECT_THAT(error([](Matrix& m) { m.scales += 1; }), HasSubstr("odd address"));
  EXPECT_THAT(error([](Matrix& m) { m.codes.bits = 5; }), HasSubstr("4 or 8 bits, not 5"));
  for (const std::int64_t group : {0, 12, 1 << 17}) {
    EXPECT_THAT(error([&](Matrix& m) { m.codes.group = group; }),
                HasSubstr("multiple of 8 up to 65536"));
  }
}

TEST(Product, CodesMayLieAtAnyAddress) {
  const Weights w = make_weights(4, 32, 64, 32);
  const Activations x = make_activations(8, 3, 64, 32);
  AlignedVector<std::byte> moved(w.stored.codes->size() + 1);
  std::copy(w.stored.codes->begin(), w.stored.codes->end(), moved.begin() + 1);
  Matrix matrix = w.stored.matrix();
  matrix.data = moved.data() + 1;
  const PackedWeights packed = packed_weights(matrix);
  for (const Isa isa : supported_isas()) {
    std::vector<float> y(3 * 32);
    product_kernels(isa).multiply(packed, 0, 2, x.rows, y.data(), 32);
    EXPECT_EQ(y, product(w, x)) << isa_name(isa);
  }
}

TEST(Product, EveryNumberOfTokensAndOddSizes) {
  for (const int bits : {4, 8}) {
    for (std::int64_t tokens = 1; tokens <= 27; ++tokens) {
      expect_same_products(make_weights(bits, 37, 72, 32),
                           make_activations(tokens % 2 ? 8 : 4, tokens, 72, 32));
    }
    for (const std::int64_t rows : {1, 7, 8, 9, 15, 16, 17, 48}) {
      for (const std::int64_t columns : {1, 3, 4, 5, 8, 100, 129, 136}) {
        for (const std::int64_t tokens : {1, 3, 14}) {
          expect_same_products(make_weights(bits, rows, columns, 128),
                               make_activations(8, tokens, columns, 128));
        }
      }
    }
    for (const std::int64_t group : {8, 24, 64, 200}) {
      expect_same_products(make_weights(bits, 32, 200, group), make_activations(8, 5, 200, group));
      expect_same_products(make_weights(bits, 32, 200, group), make_activations(8, 1, 200, group));
    }
    // So many that not all tokens are kept in the cache at once.
    expect_same_products(make_weights(bits, 33, 2560, 128), make_activations(4, 130, 2560, 128));
  }
}

TEST(Product, ExtremeCodesDoNotSaturate) {
  for (const int bits : {4, 8}) {
    for (const Codes kind : {Codes::lowest, Codes::highest}) {
      for (const Codes x_kind : {Codes::lowest, Codes::highest}) {
        for (const std::int64_t tokens : {1, 2, 9}) {
          expect_same_products(make_weights(bits, 16, 1024, 1024, kind),
                               make_activations(8, tokens, 1024, 1024, x_kind));
        }
      }
    }
    expect_same_products(make_weights(bits, 16, 65536, 65536, Codes::highest),
                         make_activations(8, 2, 65536, 65536, Codes::lowest));
  }
}

TEST(Product, WritesOnlyTheRowsOfItsBlocks) {
  constexpr std::int64_t kStride = 80;
  for (const Isa isa : supported_isas()) {
    for (const int bits : {4, 8}) {
      const Weights w = make_weights(bits, 67, 40, 16);
      const Activations x = make_activations(8, 3, 40, 16);
      const std::vector<float> expected = product(w, x);
      for (const auto& [first, last] : {std::pair{1, 4}, std::pair{4, 5}, std::pair{2, 2}}) {
        std::vector<float> y(3 * kStride, -77.0F);
        product_kernels(isa).multiply(w.packed, first, last, x.rows, y.data(), kStride);
        for (std::int64_t t = 0; t < 3; ++t) {
          for (std::int64_t r = 0; r < kStride; ++r) {
            const bool inside = r >= first * 16 && r < std::min(last * 16, 67);
            ASSERT_EQ(y[t * kStride + r], inside ? expected[t * 67 + r] : -77.0F)
                << isa_name(isa) << ' ' << t << ' ' << r;
          }
        }
      }
    }
  }
}

TEST(Product, GroupsThatAreNotFiniteSpoilOnlyTheirToken) {
  std::vector<float> values(3 * 64, 1.0F);
  values[64 + 40] = kInfinity;
  const Weights w = make_weights(4, 16, 64, 32);
  for (const Isa isa : supported_isas()) {
    Activations x(3, 64, 32);
    product_kernels(isa).quantize_rows({}, values.data(), 64, x.rows);
    const std::vector<float> y = kernel_product(isa, w, x.rows);
    for (std::int64_t i = 0; i < std::ssize(y); ++i) {
      EXPECT_EQ(std::isnan(y[i]), i / 16 == 1) << isa_name(isa);
    }
  }
}

TEST(Product, TokenRangesShareTheArrays) {
  const Weights w = make_weights(8, 16, 72, 32);
  const Activations x = make_activations(8, 9, 72, 32);
  const std::vector<float> all = product(w, x);
  const std::vector<float> part = kernel_product(Isa::scalar, w, token_range(x.rows, 4, 3));
  EXPECT_EQ(part, std::vector<float>(all.begin() + 4 * 16, all.begin() + 7 * 16));
}

TEST(Product, ShapesThatDoNotAgreeAreRefused) {
  const Weights w = make_weights(4, 16, 64, 32);
  std::vector<float> y(16);
  const auto error = [&](std::int64_t columns, std::int64_t group, std::int64_t last) {
    const Activations x = make_activations(4, 1, columns, group);
    return test::error_of([&] { multiply(w.packed, 0, last, x.rows, y.data(), 16); });
  };
  EXPECT_THAT(error(56, 32, 1), HasSubstr("64 columns in groups of 32 do not fit"));
  EXPECT_THAT(error(64, 64, 1), HasSubstr("activations of 64 in groups of 64"));
  EXPECT_THAT(error(64, 32, 2), HasSubstr("no row blocks 0 to 2 in 16 rows"));
  const Activations x = make_activations(4, 1, 64, 32);
  multiply(w.packed, 0, 1, x.rows, y.data(), 16);
  EXPECT_EQ(y, product(w, x));
}

// Rounds `values`, rows of `columns`, and compares with fake_quantize.
void expect_like_fake_quantize(const RowQuantizer& quantizer, std::int64_t columns,
                               std::int64_t group, const std::vector<float>& values) {
  std::vector<float> expected = values;
  Quantizer fake;
  fake.bits = quantizer.bits;
  fake.group = group;
  fake.full_range = quantizer.full_range;
  fake.clip = quantizer.clip;
  fake_quantize(fake, columns, expected);
  const std::int64_t tokens = std::ssize(values) / columns;
  const std::int64_t groups = group_count(columns, group);
  for (const Isa isa : supported_isas()) {
    Activations x(tokens, columns, group);
    product_kernels(isa).quantize_rows(quantizer, values.data(), columns, x.rows);
    std::vector<float> restored;
    std::vector<std::int32_t> sums(x.sums.size());
    for (std::int64_t t = 0; t < tokens; ++t) {
      for (std::int64_t c = 0; c < code_stride(columns); ++c) {
        const std::int8_t code = x.codes[t * code_stride(columns) + c];
        if (c >= columns) {
          EXPECT_EQ(code, 0);
          continue;
        }
        const std::int64_t at = t * groups + c / group;
        sums[at] += code;
        restored.push_back(static_cast<float>(code) * x.scales[at]);
      }
    }
    EXPECT_EQ(bits_of(restored), bits_of(expected)) << isa_name(isa);
    EXPECT_EQ(sums, x.sums) << isa_name(isa);
  }
}

TEST(QuantizeRows, CodesTimesScalesAreWhatFakeQuantizeGives) {
  std::mt19937 random(5);
  std::normal_distribution<float> normal;
  for (const int bits : {2, 4, 8}) {
    for (const bool full_range : {false, true}) {
      for (const float clip : {1.0F, 0.83F}) {
        for (const std::int64_t columns : {1, 7, 64, 100, 333}) {
          std::vector<float> values(6 * columns);
          for (float& value : values) value = std::exp(2 * normal(random)) * normal(random);
          expect_like_fake_quantize({bits, full_range, clip}, columns, 32, values);
          for (float& value : values) value = std::round(value);
          expect_like_fake_quantize({bits, full_range, clip}, columns, 64, values);
        }
      }
    }
  }
}

TEST(QuantizeRows, GroupsOfSpecialValues) {
  const std::vector<std::vector<float>> rows = {
      {0, 0, 0, -0.0F, 0, 0, 0, 0},
      {1e-31F, -1e-31F, 0, 0, 0, 0, 0, 0},
      {1e-30F, 0, 0, -1e-30F, 5e-31F, 0, 0, 0},
      {1e-30F, 0, 0, 0, 5e-31F, 0, 0, 0},
      {1, -1, 0.5F, -0.5F, 0.25F, -0.0F, 1.0F / 16, -1.0F / 16},
      {-1, 1, 0.5F, 3.5F / 7, 2.5F / 7, 1.5F / 7, 0.5F / 7, -0.5F / 7},
      {3e38F, -3e38F, 1e38F, 0, 1, 2, 3, 4},
      {kNan, 0, 0, 1, 0, 0, 0, 0},
      {0, 0, 0, 0, 0, 0, 0, -kNan},
      {1, 2, kInfinity, 0, 0, 0, 0, 0},
      {1, 2, 3, -kInfinity, kInfinity, 0, 0, 0},
      {-8, -7, 8, 7, 4, 3, 2, 1},
  };
  std::vector<float> values;
  for (const std::vector<float>& row : rows) values.insert(values.end(), row.begin(), row.end());
  for (const int bits : {4, 8}) {
    for (const bool full_range : {false, true}) {
      expect_like_fake_quantize({bits, full_range, 1.0F}, 8, 8, values);
      expect_like_fake_quantize({bits, full_range, 0.5F}, 8, 128, values);
      expect_like_fake_quantize({bits, full_range, 1.0F}, 6 * 8, 8, values);
    }
  }
}

TEST(QuantizeRows, QuantizersOutOfRangeAreRefused) {
  const std::vector<float> values(8);
  Activations x(1, 8, 8);
  const auto error = [&](const RowQuantizer& quantizer) {
    return test::error_of([&] { quantize_rows(quantizer, values.data(), 8, x.rows); });
  };
  EXPECT_THAT(error({9, false, 1.0F}), HasSubstr("2 to 8 bits, not 9"));
  EXPECT_THAT(error({4, false, 0.0F}), HasSubstr("clip"));
  Activations odd(1, 8, 4);
  EXPECT_THAT(test::error_of([&] { quantize_rows({}, values.data(), 8, odd.rows); }),
              HasSubstr("multiple of 8"));
}

}  // namespace
}  // namespace lightmamba

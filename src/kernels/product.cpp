#include "kernels/product.h"

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <limits>

#include "base/buffer.h"
#include "base/dtype.h"
#include "base/fail.h"

namespace lightmamba {
namespace {

// 255 * 128 * 65536 is below 2^31.
constexpr std::int64_t kLargestGroup = 65536;

std::int64_t vector_columns(int bits) { return bits == 4 ? 8 : 4; }  // of a 64-byte vector

// Where a code lies in its row block.
struct CodePlace {
  std::int64_t byte;
  int shift;
};

CodePlace code_place(int bits, std::int64_t row_in_block, std::int64_t column) {
  const std::int64_t vector = column / vector_columns(bits);
  const std::int64_t in_vector = column % vector_columns(bits);
  return {(vector * kRowBlock + row_in_block) * 4 + in_vector % 4, in_vector < 4 ? 0 : 4};
}

int code_offset(int bits) { return 1 << (bits - 1); }

void require_size(const char* what, std::size_t size, std::int64_t expected) {
  if (static_cast<std::int64_t>(size) != expected) {
    fail("packed weights: {} should be {} long, but are {}", what, expected, size);
  }
}

float round_to_even(float x) {
  constexpr float kMagic = 12582912.0F;  // 1.5 * 2^23
  return (x + kMagic) - kMagic;
}

void quantize_group(const RowQuantizer& q, const float* x, std::int64_t count, std::int8_t* codes,
                    float& group_scale, std::int32_t& sum) {
  float low = 0;
  float high = 0;
  bool finite = true;
  for (std::int64_t i = 0; i < count; ++i) {
    low = std::min(low, x[i]);
    high = std::max(high, x[i]);
    finite = finite && std::isfinite(x[i]);
  }
  sum = 0;
  if (!finite || high - low < 1e-30F) {
    std::fill_n(codes, count, std::int8_t{0});
    group_scale = finite ? 0.0F : std::numeric_limits<float>::quiet_NaN();
    return;
  }
  const auto half = static_cast<float>(1 << (q.bits - 1));
  const float magnitude = q.clip * std::max(-low, high);
  const float scale = !q.full_range  ? magnitude / (half - 1)
                      : -low >= high ? magnitude / half
                                     : -(magnitude / half);
  const float lowest = q.full_range ? -half : 1 - half;
  const float inverse = 1.0F / scale;
  for (std::int64_t i = 0; i < count; ++i) {
    const float scaled = x[i] * inverse;
    const float code = std::min(scaled > lowest ? scaled : lowest, half - 1);
    codes[i] = static_cast<std::int8_t>(round_to_even(code));
    sum += codes[i];
  }
  group_scale = scale;
}

void quantize_rows_scalar(const RowQuantizer& quantizer, const float* x, std::int64_t x_stride,
                          const QuantizedRows& out) {
  const std::int64_t groups = group_count(out.columns, out.group);
  const std::int64_t stride = code_stride(out.columns);
  for (std::int64_t t = 0; t < out.tokens; ++t) {
    std::int8_t* const codes = out.codes + t * stride;
    for (std::int64_t g = 0; g < groups; ++g) {
      const std::int64_t begin = g * out.group;
      quantize_group(quantizer, x + t * x_stride + begin, std::min(out.group, out.columns - begin),
                     codes + begin, out.scales[t * groups + g], out.sums[t * groups + g]);
    }
    std::fill(codes + out.columns, codes + stride, std::int8_t{0});
  }
}

void multiply_scalar(const PackedWeights& weights, std::int64_t first, std::int64_t last,
                     const QuantizedRows& x, float* y, std::int64_t y_stride) {
  const std::int64_t groups = group_count(weights.columns, weights.group);
  const std::int64_t stride = code_stride(weights.columns);
  const int mask = (1 << weights.bits) - 1;
  for (std::int64_t row = first * kRowBlock; row < std::min(last * kRowBlock, weights.rows);
       ++row) {
    const std::uint8_t* const codes = weights.codes + row / kRowBlock * block_code_bytes(weights);
    for (std::int64_t t = 0; t < x.tokens; ++t) {
      float total = 0;
      for (std::int64_t g = 0; g < groups; ++g) {
        const std::int64_t end = std::min((g + 1) * weights.group, weights.columns);
        std::int32_t dot = 0;
        for (std::int64_t c = g * weights.group; c < end; ++c) {
          const auto [byte, shift] = code_place(weights.bits, row % kRowBlock, c);
          const int code = (codes[byte] >> shift & mask) - code_offset(weights.bits);
          dot += code * x.codes[t * stride + c];
        }
        total = std::fma(static_cast<float>(dot),
                         packed_scale(weights, row, g) * x.scales[t * groups + g], total);
      }
      y[t * y_stride + row] = total;
    }
  }
}

}  // namespace

void check_packable(const PackedWeights& shape) {
  if (shape.bits != 4 && shape.bits != 8) {
    fail("packed weights: codes have 4 or 8 bits, not {}", shape.bits);
  }
  if (shape.rows < 1 || shape.columns < 1) {
    fail("packed weights: no matrix has {} rows and {} columns", shape.rows, shape.columns);
  }
  if (shape.group < 8 || shape.group > kLargestGroup || shape.group % 8 != 0) {
    fail("packed weights: the group must be a multiple of 8 up to {}, but is {}", kLargestGroup,
         shape.group);
  }
}

std::int64_t group_count(std::int64_t columns, std::int64_t group) {
  return (columns + group - 1) / group;
}

std::int64_t row_blocks(const PackedWeights& shape) {
  return (shape.rows + kRowBlock - 1) / kRowBlock;
}

std::int64_t block_code_bytes(const PackedWeights& shape) {
  const std::int64_t each = vector_columns(shape.bits);
  return (shape.columns + each - 1) / each * kRowBlock * 4;
}

std::int64_t block_scale_count(const PackedWeights& shape) {
  return group_count(shape.columns, shape.group) * kRowBlock;
}

void clear_packed(const PackedWeights& shape, std::span<std::uint8_t> codes,
                  std::span<std::uint16_t> scales) {
  check_packable(shape);
  require_size("codes", codes.size(), row_blocks(shape) * block_code_bytes(shape));
  require_size("scales", scales.size(), row_blocks(shape) * block_scale_count(shape));
  std::fill(codes.begin(), codes.end(), shape.bits == 4 ? std::uint8_t{0x88} : std::uint8_t{0x80});
  std::fill(scales.begin(), scales.end(), std::uint16_t{0});
}

void pack_rows(const PackedWeights& shape, std::int64_t first_row,
               std::span<const std::int8_t> row_codes, std::span<const std::uint16_t> row_scales,
               std::span<std::uint8_t> codes, std::span<std::uint16_t> scales) {
  check_packable(shape);
  require_size("codes", codes.size(), row_blocks(shape) * block_code_bytes(shape));
  require_size("scales", scales.size(), row_blocks(shape) * block_scale_count(shape));
  const std::int64_t rows = std::ssize(row_codes) / shape.columns;
  const std::int64_t groups = group_count(shape.columns, shape.group);
  require_size("codes of rows", row_codes.size(), rows * shape.columns);
  require_size("scales of rows", row_scales.size(), rows * groups);
  if (first_row < 0 || rows > shape.rows - first_row) {
    fail("packed weights: no rows {} to {} in {}", first_row, first_row + rows, shape.rows);
  }
  const int offset = code_offset(shape.bits);
  const int mask = (1 << shape.bits) - 1;
  for (std::int64_t r = 0; r < rows; ++r) {
    const std::int64_t block = (first_row + r) / kRowBlock;
    const std::int64_t in_block = (first_row + r) % kRowBlock;
    std::uint8_t* const block_codes = codes.data() + block * block_code_bytes(shape);
    for (std::int64_t c = 0; c < shape.columns; ++c) {
      const std::int8_t code = row_codes[static_cast<std::size_t>(r * shape.columns + c)];
      if (code < -offset || code >= offset) {
        fail("packed weights: {} is no code of {} bits", static_cast<int>(code), shape.bits);
      }
      const auto [byte, shift] = code_place(shape.bits, in_block, c);
      block_codes[byte] = static_cast<std::uint8_t>((block_codes[byte] & ~(mask << shift)) |
                                                    (code + offset) << shift);
    }
    std::uint16_t* const block_scales = scales.data() + block * block_scale_count(shape);
    for (std::int64_t g = 0; g < groups; ++g) {
      block_scales[g * kRowBlock + in_block] = row_scales[static_cast<std::size_t>(r * groups + g)];
    }
  }
}

int packed_code(const PackedWeights& weights, std::int64_t row, std::int64_t column) {
  const auto [byte, shift] = code_place(weights.bits, row % kRowBlock, column);
  const int bits = weights.codes[row / kRowBlock * block_code_bytes(weights) + byte] >> shift;
  return (bits & ((1 << weights.bits) - 1)) - code_offset(weights.bits);
}

float packed_scale(const PackedWeights& weights, std::int64_t row, std::int64_t group) {
  return half_to_float(weights.scales[row / kRowBlock * block_scale_count(weights) +
                                      group * kRowBlock + row % kRowBlock]);
}

std::int64_t code_stride(std::int64_t columns) {
  constexpr auto kLine = static_cast<std::int64_t>(kCacheLine);
  return ((columns + kLine - 1) / kLine | 1) * kLine;
}

QuantizedRows token_range(const QuantizedRows& rows, std::int64_t first, std::int64_t count) {
  const std::int64_t groups = group_count(rows.columns, rows.group);
  QuantizedRows part = rows;
  part.tokens = count;
  part.codes += first * code_stride(rows.columns);
  part.scales += first * groups;
  part.sums += first * groups;
  return part;
}

const ProductKernels& product_kernels(Isa isa) {
#if defined(LIGHTMAMBA_X86_KERNELS)
  if (isa == Isa::avx512) return kAvx512Products;
  if (isa == Isa::avx2) return kAvx2Products;
#endif
  static_cast<void>(isa);
  return kScalarProducts;
}

void quantize_rows(const RowQuantizer& quantizer, const float* x, std::int64_t x_stride,
                   const QuantizedRows& out) {
  if (quantizer.bits < 2 || quantizer.bits > 8) {
    fail("activation codes have 2 to 8 bits, not {}", quantizer.bits);
  }
  if (!(quantizer.clip > 0 && quantizer.clip <= 1)) {
    fail("the clip of activations must be above 0 and at most 1, but is {}", quantizer.clip);
  }
  if (out.group < 8 || out.group % 8 != 0) {
    fail("the group of activations must be a multiple of 8, but is {}", out.group);
  }
  product_kernels(current_isa()).quantize_rows(quantizer, x, x_stride, out);
}

void multiply(const PackedWeights& weights, std::int64_t first, std::int64_t last,
              const QuantizedRows& x, float* y, std::int64_t y_stride) {
  if (weights.columns != x.columns || weights.group != x.group) {
    fail("weights of {} columns in groups of {} do not fit activations of {} in groups of {}",
         weights.columns, weights.group, x.columns, x.group);
  }
  if (first < 0 || last > row_blocks(weights)) {
    fail("no row blocks {} to {} in {} rows", first, last, weights.rows);
  }
  product_kernels(current_isa()).multiply(weights, first, last, x, y, y_stride);
}

const ProductKernels kScalarProducts = {quantize_rows_scalar, multiply_scalar};

}  // namespace lightmamba

#include "kernels/product.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstddef>
#include <limits>
#include <span>

#include "base/buffer.h"
#include "base/dtype.h"
#include "base/fail.h"
#include "model/matrix.h"

namespace lightmamba {
namespace {

constexpr std::int64_t kRows = CodeFormat::kBlockRows;

float scale_of(const PackedWeights& w, std::int64_t row, std::int64_t group) {
  return half_to_float(
      w.scales[row / kRows * w.format.block_scales(w.columns) + group * kRows + row % kRows]);
}

// Returns the product of `count` codes of a row, which begin with a unit, with those of a token.
std::int32_t dot_product(const CodeFormat& format, const std::uint8_t* codes, const std::int8_t* x,
                         std::int64_t count) {
  std::array<std::int8_t, 256> part;
  std::int32_t sum = 0;
  for (std::int64_t begin = 0; begin < count; begin += std::ssize(part)) {
    const std::span some =
        std::span(part).first(static_cast<std::size_t>(std::min(std::ssize(part), count - begin)));
    const std::int64_t unit = begin / format.unit_columns();
    format.unpack(reinterpret_cast<const std::byte*>(codes) + unit * CodeFormat::kUnitBytes, some);
    for (const std::int8_t code : some) sum += code * *x++;
  }
  return sum;
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
  const auto& [rows, columns, format, all_codes, all_scales] = weights;
  const std::int64_t groups = format.groups(columns);
  const std::int64_t group_bytes = format.group / format.unit_columns() * CodeFormat::kUnitBytes;
  const std::int64_t stride = code_stride(columns);
  for (std::int64_t row = first * kRows; row < std::min(last * kRows, rows); ++row) {
    const std::uint8_t* const codes =
        all_codes + row / kRows * format.block_bytes(columns) + row % kRows * CodeFormat::kRowBytes;
    for (std::int64_t t = 0; t < x.tokens; ++t) {
      float total = 0;
      for (std::int64_t g = 0; g < groups; ++g) {
        const std::int64_t begin = g * format.group;
        const std::int32_t dot =
            dot_product(format, codes + g * group_bytes, x.codes + t * stride + begin,
                        std::min(format.group, columns - begin));
        total = std::fma(static_cast<float>(dot),
                         scale_of(weights, row, g) * x.scales[t * groups + g], total);
      }
      y[t * y_stride + row] = total;
    }
  }
}

}  // namespace

PackedWeights packed_weights(const Matrix& matrix) {
  const CodeFormat& format = matrix.codes;
  if (!matrix.is_quantized()) fail("packed weights: a matrix of {}", dtype_name(matrix.dtype));
  if (format.bits != 4 && format.bits != 8) {
    fail("packed weights: codes have 4 or 8 bits, not {}", format.bits);
  }
  if (!CodeFormat::is_group(format.group)) {
    fail("packed weights: the group must be a multiple of {} up to {}, but is {}",
         CodeFormat::kGroupStep, CodeFormat::kLargestGroup, format.group);
  }
  if (matrix.rows < 1 || matrix.columns < 1) {
    fail("packed weights: no matrix has {} rows and {} columns", matrix.rows, matrix.columns);
  }
  if (matrix.first_row != 0) {
    fail("packed weights: row {} of a matrix is not its first", matrix.first_row);
  }
  if (matrix.data == nullptr || matrix.scales == nullptr) fail("packed weights: there are none");
  if (reinterpret_cast<std::uintptr_t>(matrix.scales) % alignof(std::uint16_t) != 0) {
    fail("packed weights: the scales begin at an odd address");
  }
  return {matrix.rows, matrix.columns, format, reinterpret_cast<const std::uint8_t*>(matrix.data),
          reinterpret_cast<const std::uint16_t*>(matrix.scales)};
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
  if (!CodeFormat::is_group(out.group)) {
    fail("the group of activations must be a multiple of {} up to {}, but is {}",
         CodeFormat::kGroupStep, CodeFormat::kLargestGroup, out.group);
  }
  product_kernels(current_isa()).quantize_rows(quantizer, x, x_stride, out);
}

void multiply(const PackedWeights& weights, std::int64_t first, std::int64_t last,
              const QuantizedRows& x, float* y, std::int64_t y_stride) {
  if (weights.columns != x.columns || weights.format.group != x.group) {
    fail("weights of {} columns in groups of {} do not fit activations of {} in groups of {}",
         weights.columns, weights.format.group, x.columns, x.group);
  }
  if (first < 0 || last > CodeFormat::blocks(weights.rows)) {
    fail("no row blocks {} to {} in {} rows", first, last, weights.rows);
  }
  product_kernels(current_isa()).multiply(weights, first, last, x, y, y_stride);
}

const ProductKernels kScalarProducts = {quantize_rows_scalar, multiply_scalar};

}  // namespace lightmamba

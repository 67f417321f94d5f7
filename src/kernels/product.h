// Products of quantized weights with quantized activations: y = W x for one or many tokens.
//
// Weights are held in blocks of 16 rows, so that one 64-byte vector has 4 bytes of each row and no
// sum ever crosses lanes. With k counting vectors within a row block:
//
//   4 bits   codes[row block][k = column / 8][row 16][4 bytes]; the low nibble of byte j is
//            code + 8 of column 8k + j, the high nibble that of column 8k + 4 + j; codes -8 ... 7
//   8 bits   codes[row block][k = column / 4][row 16][4 bytes]; byte j is code + 128 of column
//            4k + j; codes -128 ... 127
//   scales   binary16 [row block][group][row 16], one for `group` consecutive columns of a row
//            (the last group may be shorter); of either sign
//
// Rows are padded to a multiple of 16, columns to whole vectors, with codes and scales of zero.
#pragma once

#include <cstdint>
#include <span>

#include "kernels/isa.h"

namespace lightmamba {

inline constexpr std::int64_t kRowBlock = 16;

struct PackedWeights {
  int bits = 4;  // 4 or 8
  std::int64_t rows = 0;
  std::int64_t columns = 0;
  std::int64_t group = 128;               // columns; a multiple of 8, at most 65536
  const std::uint8_t* codes = nullptr;    // [row_blocks][block_code_bytes], aligned to 64 bytes
  const std::uint16_t* scales = nullptr;  // [row_blocks][block_scale_count]
};

// Throws Error unless weights of this shape can be packed; the pointers are not looked at.
void check_packable(const PackedWeights& shape);

std::int64_t group_count(std::int64_t columns, std::int64_t group);
std::int64_t row_blocks(const PackedWeights& shape);
std::int64_t block_code_bytes(const PackedWeights& shape);   // of one row block
std::int64_t block_scale_count(const PackedWeights& shape);  // of one row block

// Fills whole packed arrays with codes and scales of zero, the value of all padding.
void clear_packed(const PackedWeights& shape, std::span<std::uint8_t> codes,
                  std::span<std::uint16_t> scales);

// Puts rows first_row ... in place in cleared arrays, from row-major codes [rows][columns] and
// binary16 scales [rows][groups]. Safe for different rows from several threads. Throws Error if a
// code is out of range, or if sizes do not fit.
void pack_rows(const PackedWeights& shape, std::int64_t first_row,
               std::span<const std::int8_t> row_codes, std::span<const std::uint16_t> row_scales,
               std::span<std::uint8_t> codes, std::span<std::uint16_t> scales);

int packed_code(const PackedWeights& weights, std::int64_t row, std::int64_t column);
float packed_scale(const PackedWeights& weights, std::int64_t row, std::int64_t group);

// Activations: codes -128 ... 127, a scale for each token and group, and the sum of the group's
// codes, which corrects for the offset of the packed weights. The caller owns the arrays.
struct QuantizedRows {
  std::int64_t tokens = 0;
  std::int64_t columns = 0;
  std::int64_t group = 128;      // that of the weights
  std::int8_t* codes = nullptr;  // [tokens][code_stride(columns)], zeros beyond `columns`
  float* scales = nullptr;       // [tokens][groups]
  std::int32_t* sums = nullptr;  // [tokens][groups]
};

// Bytes from one token's codes to the next: an odd number of cache lines, so that equal columns of
// several tokens do not compete for the same sets of a cache.
std::int64_t code_stride(std::int64_t columns);

// `count` tokens from `first` on, sharing the arrays.
QuantizedRows token_range(const QuantizedRows& rows, std::int64_t first, std::int64_t count);

// How activations are rounded: Quantizer's symmetric grids, without power_of_two (see
// lightmamba/quantizer.h).
struct RowQuantizer {
  int bits = 4;             // 2 ... 8
  bool full_range = false;  // codes -2^(bits-1) ... 2^(bits-1) - 1; the scale may be negative
  float clip = 1.0F;        // in (0, 1]
};

// The kernels of one instruction set. All give the same bytes, however many tokens and row blocks a
// call has. They neither check, allocate nor start threads.
struct ProductKernels {
  // Rounds all tokens of x [tokens][x_stride floats]; code * scale is what fake_quantize gives.
  // Groups with values that are not finite get a scale of NaN and codes of zero.
  void (*quantize_rows)(const RowQuantizer& quantizer, const float* x, std::int64_t x_stride,
                        const QuantizedRows& out);
  // y[token * y_stride + row] for the rows of row blocks first ... last - 1, padding left out:
  // over the groups in ascending order, y = fma(float(dot), weight scale * activation scale, y)
  // with the exact dot product of codes, from y = 0. Tokens are best given all at once, row blocks
  // in ranges whose codes fit in a core's cache.
  void (*multiply)(const PackedWeights& weights, std::int64_t first, std::int64_t last,
                   const QuantizedRows& x, float* y, std::int64_t y_stride);
};

const ProductKernels& product_kernels(Isa isa);

// The same with current_isa(), checked: these throw Error if shapes do not agree.
void quantize_rows(const RowQuantizer& quantizer, const float* x, std::int64_t x_stride,
                   const QuantizedRows& out);
void multiply(const PackedWeights& weights, std::int64_t first, std::int64_t last,
              const QuantizedRows& x, float* y, std::int64_t y_stride);

// What product_kernels chooses from; the latter two only in builds for x86.
extern const ProductKernels kScalarProducts;
extern const ProductKernels kAvx2Products;
extern const ProductKernels kAvx512Products;

}  // namespace lightmamba

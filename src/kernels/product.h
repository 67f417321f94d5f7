// Multiplies quantized weights with quantized activations: y = W x for one or many tokens.
//
// Weights have the layout of CodeFormat, so that one 64-byte vector has 4 bytes of each row of a
// row block and no sum ever crosses lanes. Codes may have any value that their bits allow, -8 ... 7
// or -128 ... 127.
#pragma once

#include <cstdint>

#include "kernels/isa.h"
#include "model/code_format.h"

namespace lightmamba {

struct Matrix;

// A view of a matrix of codes for products; the matrix owns the data.
struct PackedWeights {
  std::int64_t rows = 0;
  std::int64_t columns = 0;
  CodeFormat format = {};
  const std::uint8_t* codes = nullptr;    // fastest where aligned to 64 bytes
  const std::uint16_t* scales = nullptr;  // positive or negative
};

// Throws Error unless the matrix has codes, begins with the first row of a row block, and has
// usable pointers.
PackedWeights packed_weights(const Matrix& matrix);

// Activations: codes -128 ... 127, a scale for each token and group, and the sum of the group's
// codes, which corrects for the offset of the packed weights. The caller owns the arrays.
struct QuantizedRows {
  std::int64_t tokens = 0;
  std::int64_t columns = 0;
  std::int64_t group = 128;      // the group of the weights
  std::int8_t* codes = nullptr;  // [tokens][code_stride(columns)], zeros beyond `columns`
  float* scales = nullptr;       // [tokens][groups]
  std::int32_t* sums = nullptr;  // [tokens][groups]
};

// Returns the bytes from one token's codes to the next: an odd number of cache lines, so that equal
// columns of several tokens do not compete for the same sets of a cache.
std::int64_t code_stride(std::int64_t columns);

// Returns a view of `count` tokens from `first` on.
QuantizedRows token_range(const QuantizedRows& rows, std::int64_t first, std::int64_t count);

// The rounding of activations: a symmetric grid of Quantizer without power_of_two (see
// lightmamba/fake_quant.h).
struct RowQuantizer {
  int bits = 4;             // 2 ... 8
  bool full_range = false;  // codes -2^(bits-1) ... 2^(bits-1) - 1; the scale may be negative
  float clip = 1.0F;        // in (0, 1]
};

// The kernels of one instruction set. All give the same bytes, for any number of tokens and row
// blocks in a call. They neither check, allocate nor start threads.
struct ProductKernels {
  // Rounds all tokens of x [tokens][x_stride floats]; code * scale equals the result of
  // fake_quantize. Groups with values that are not finite get a scale of NaN and codes of zero.
  void (*quantize_rows)(const RowQuantizer& quantizer, const float* x, std::int64_t x_stride,
                        const QuantizedRows& out);
  // Computes y[token * y_stride + row] for the rows of row blocks first ... last - 1 without
  // padding: over the groups in ascending order, y = fma(float(dot), weight scale * activation
  // scale, y) with the exact dot product of codes, from y = 0. It is fastest with all tokens at
  // once, and row blocks in ranges whose codes fit in a core's cache.
  void (*multiply)(const PackedWeights& weights, std::int64_t first, std::int64_t last,
                   const QuantizedRows& x, float* y, std::int64_t y_stride);
};

const ProductKernels& product_kernels(Isa isa);

// Do the same with current_isa() and checks: they throw Error if shapes do not agree.
void quantize_rows(const RowQuantizer& quantizer, const float* x, std::int64_t x_stride,
                   const QuantizedRows& out);
void multiply(const PackedWeights& weights, std::int64_t first, std::int64_t last,
              const QuantizedRows& x, float* y, std::int64_t y_stride);

// The tables from which product_kernels chooses; the latter two only in builds for x86.
extern const ProductKernels kScalarProducts;
extern const ProductKernels kAvx2Products;
extern const ProductKernels kAvx512Products;

}  // namespace lightmamba

// Products of quantized weights with quantized activations: y = W x for one or many tokens.
//
// Weights lie as CodeFormat says, so that one 64-byte vector has 4 bytes of each row of a block and
// no sum ever crosses lanes. Codes may be all that their bits allow, -8 ... 7 and -128 ... 127.
#pragma once

#include <cstdint>

#include "kernels/isa.h"
#include "model/code_format.h"

namespace lightmamba {

struct Matrix;

// What products need of a matrix of codes, which stays its owner.
struct PackedWeights {
  std::int64_t rows = 0;
  std::int64_t columns = 0;
  CodeFormat format = {};
  const std::uint8_t* codes = nullptr;    // fastest where aligned to 64 bytes
  const std::uint16_t* scales = nullptr;  // of either sign
};

// Throws Error unless the matrix is of codes, begins with the first row of a block, and its
// pointers can be used.
PackedWeights packed_weights(const Matrix& matrix);

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
// lightmamba/fake_quant.h).
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

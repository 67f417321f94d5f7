// The kernels of a Mamba-2 block that are not matrix products, for each instruction set.
//
// Each kernel works on a given range, on the caller's thread, and allocates nothing. All numbers
// are float32 and need no alignment beyond their own. Every instruction set gives the same bytes:
// sums are kept in 16 lanes folded in one order, and no product is contracted with a sum.
#pragma once

#include <cstddef>
#include <cstdint>

#include <lightmamba/quant_format.h>

#include "kernels/isa.h"

namespace lightmamba {

// Computes out = f(x), in place if `out` is `x`.
using MapKernel = void (*)(const float* x, std::int64_t count, float* out);

// A depthwise causal convolution with SiLU over `channels` neighbours and `tokens` tokens:
// out[t][c] = silu(bias[c] + sum over k of weights[k][c] input[t + k][c]).
struct ConvArguments {
  std::int64_t tokens, channels, d_conv;
  const float* weights;  // [d_conv][channels], rows weight_stride apart
  std::int64_t weight_stride;
  const float* bias;   // [channels]; no bias if null
  const float* input;  // [tokens + d_conv - 1][channels], rows input_stride apart
  std::int64_t input_stride;
  float* out;  // [tokens][channels], rows out_stride apart
  std::int64_t out_stride;
};

// Transposes weights[channels][d_conv], as in a checkpoint, to [d_conv][channels].
void transpose_conv_weights(const float* weights, std::int64_t channels, std::int64_t d_conv,
                            float* out);

// The layout of the SSM state h [headdim][d_state] of a head between tokens. In the integer formats
// a row of d_state codes shares a power-of-two scale: int16 and int8_feedback (codes of 12 bits)
// take two bytes for a code, int8 one. A head is
//
//   float   scales[headdim]    padded to kCacheLine; not in the float format
//   T       codes[headdim][row]
//
// with `row` d_state padded to a multiple of 64 in every format, with zeros. A row of zeros may
// have scale 0; a row that is not finite has scale NaN and codes 0. So a state of zero bytes is
// zero, and number = code * scale always and exactly.
struct StateLayout {
  StateFormat format;
  std::int64_t headdim, d_state;
  std::int64_t row;         // numbers
  std::int64_t codes_at;    // bytes from the start of a head
  std::int64_t head_bytes;  // a multiple of kCacheLine
};

inline constexpr std::int64_t kLargestDState = 1024;

// Throws Error if d_state is larger than kLargestDState.
StateLayout state_layout(StateFormat format, std::int64_t headdim, std::int64_t d_state);

// What a token brings to the SSM of a layer; all pointers point to the whole layer.
struct SsmToken {
  const float* x;      // [nheads][headdim]
  const float* B;      // [ngroups][d_state]
  const float* C;      // [ngroups][d_state]; not read if y is null
  const float* dt;     // [nheads]
  const float* decay;  // [nheads]
  std::uint32_t dither;
  float* y;  // [nheads][headdim]; null if it is not wanted
};

// Runs tokens one after the other over the heads first_head ... end_head - 1 of a layer:
//
//   h = decay h + (dt x) B     y = h C + D x     then h is rounded as round_state() does
//
// The scale of a row is at least 2^-111, where round_state() would overflow. The state in memory
// becomes that after the first `stored` tokens; the others run ahead of it.
struct SsmStepArguments {
  StateLayout layout;
  std::int64_t first_head, end_head;
  std::int64_t heads_per_group;
  const float* D;          // [nheads]
  const SsmToken* tokens;  // [count], at least one
  std::int64_t count, stored;
  std::byte* state;  // heads of layout.head_bytes, aligned to kCacheLine
  float* scratch;    // [count][2][layout.row]
};

// Replaces x [d] by (H_m (x) H_n) x / sqrt(d). H_n is Sylvester's matrix of the power of two n, and
// H_m = Sylvester's of order d / (n order) (x) `matrix`.
struct HadamardArguments {
  std::int64_t d, n, order;
  const float* matrix;  // [order][order] of +1 and -1
  float* scratch;       // [d]
};

struct ElementKernels {
  // Relative error at most 1e-6 for results above 1e-37 (exp and softplus: above 1.2e-38).
  MapKernel exp;
  MapKernel silu;      // x / (1 + exp(-x))
  MapKernel softplus;  // max(x, 0) + log1p(exp(-|x|))

  // Adds y to x.
  void (*add)(const float* y, std::int64_t count, float* x);

  // Multiplies y by silu(z).
  void (*gate)(const float* z, std::int64_t count, float* y);

  // Divides each of `groups` equal parts of a row of `columns` by the root of its mean square plus
  // eps, multiplies by gain[columns] and adds bias[columns] if that is not null; in place if `out`
  // is `x`.
  void (*rmsnorm)(const float* x, const float* gain, const float* bias, float eps,
                  std::int64_t columns, std::int64_t groups, float* out);

  void (*conv_silu)(const ConvArguments& arguments);

  // Does fake_quantize() of fake_quant.h in place with 8 bits, symmetric, with power-of-two scales;
  // each row has its own groups, the last of which may be shorter.
  void (*round_power_of_two_groups)(std::int64_t rows, std::int64_t columns, std::int64_t group,
                                    float* x);

  // Does round_significand() of quant/power_of_two.h in place; bits <= 22.
  void (*round_significand)(int bits, std::int64_t count, float* x);

  void (*ssm_step)(const SsmStepArguments& arguments);

  // Convert the heads first_head ... end_head - 1 from and to float [headdim][d_state], each head
  // in its place in the layer. Numbers are rounded to codes as by the step; numbers that are codes
  // already do not change.
  void (*encode_state)(const StateLayout& layout, std::int64_t first_head, std::int64_t end_head,
                       std::uint32_t dither, const float* from, std::byte* state);
  void (*decode_state)(const StateLayout& layout, std::int64_t first_head, std::int64_t end_head,
                       const std::byte* state, float* to);

  void (*hadamard)(const HadamardArguments& arguments, float* x);
};

// Return the kernels of one instruction set, which must be supported, or those of current_isa().
const ElementKernels& element_kernels(Isa isa);
const ElementKernels& element_kernels();

}  // namespace lightmamba

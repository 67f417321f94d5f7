// A whole model in integers, in the accelerator's formats.
#pragma once

#include <cstdint>
#include <vector>

#include <lightmamba/config.h>

#include "accel/numerics/conv_unit.h"
#include "accel/numerics/mmu.h"
#include "accel/numerics/ssm_unit.h"

namespace lightmamba::accel {

struct IntegerLayer {
  WeightMatrix in_proj;   // z | x | B | C | dt, times sqrt(d_model)
  WeightMatrix out_proj;  // [d_model, d_inner]
  int in_proj_clip;       // see quantize_group()
  int out_proj_clip;
  std::vector<std::int8_t> conv_codes;      // [conv_dim, d_conv]
  std::vector<std::int8_t> conv_exponents;  // [conv_dim]
  std::vector<std::int32_t> conv_biases;    // [conv_dim] fixed point
  std::vector<HeadWeights> heads;           // [nheads]
  std::vector<std::int16_t> gains;          // gains of the gated norm, in units of 2^gain_exponent
  int gain_exponent;
};

struct IntegerModel {
  Mamba2Config config;
  std::int64_t group;     // columns that share a weight scale, and values that share a multiplier
  int state_bits;         // bits of a code of h
  int residual_exponent;  // the residual is in units of 2^residual_exponent
  DtLimits dt_limits;
  // The numbers that the norms add to their sums of squares.
  std::uint64_t epsilon;
  std::uint64_t gated_epsilon;
  WeightMatrix embedding;  // [vocab_size, d_model]
  std::vector<IntegerLayer> layers;
  WeightMatrix head;  // [vocab_size, d_model], times sqrt(d_model)
  int head_clip;
  // H_d_inner = H_m (x) H_n
  std::int64_t hadamard_m, hadamard_n;
  std::vector<std::int8_t> hadamard_matrix;  // H_m
};

}  // namespace lightmamba::accel

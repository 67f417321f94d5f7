// The state-space layer of Mamba-2 (Dao and Gu, 2024), as a recurrence and in chunks.
//
//   h_t = a_t h_{t-1} + (dt_t x_t) ⊗ B_t        y_t = h_t C_t + D x_t
//
// for every head: h is [headdim, d_state], x and y [headdim], B and C [d_state] shared by the heads
// of a group, a and dt scalars.
#pragma once

#include <cstdint>
#include <span>

#include <lightmamba/config.h>

namespace lightmamba {

struct SsmInputs {
  std::int64_t tokens;
  const float* xbc;    // x | B | C  [tokens, conv_dim]
  const float* dt;     //            [tokens, nheads]
  const float* decay;  // a          [tokens, nheads]
  const float* D;      //            [nheads]

  SsmInputs token(const Mamba2Config& config, std::int64_t index) const {
    return {1, xbc + index * config.conv_dim(), dt + index * config.nheads,
            decay + index * config.nheads, D};
  }
};

// Computes one token by the recurrence. `state` is [nheads, headdim, d_state], `y` is [d_inner].
void ssm_step(const Mamba2Config& config, const SsmInputs& inputs, std::span<float> state,
              std::span<float> y);

// Computes any number of tokens by the state-space dual form: within a chunk, y is a product of
// matrices masked by the decays between each pair of tokens; the state is carried from chunk to
// chunk. `y` is [tokens, d_inner].
void ssm_chunked(const Mamba2Config& config, const SsmInputs& inputs, std::span<float> state,
                 std::span<float> y);

}  // namespace lightmamba

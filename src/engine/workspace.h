// The arrays of a forward pass of the engine.
#pragma once

#include <cstdint>
#include <vector>

#include "base/buffer.h"
#include "engine/plan.h"
#include "kernels/chunk.h"
#include "kernels/elements.h"
#include "kernels/product.h"

namespace lightmamba {

// Memory for the rounded inputs of a linear layer.
class QuantizedBuffer {
 public:
  void resize(std::int64_t tokens, std::int64_t columns, std::int64_t group);
  QuantizedRows rows(std::int64_t tokens);

 private:
  QuantizedRows shape_;
  AlignedVector<std::int8_t> codes_;
  AlignedVector<float> scales_;
  AlignedVector<std::int32_t> sums_;
};

ChunkShape chunk_shape(const Mamba2Config& config, std::int64_t tokens);

struct Workspace {
  // Makes room for this many tokens at once; existing memory is kept.
  void reserve(const Plan& plan, std::int64_t tokens, int threads);
  // Makes room for steps of the SSM over so many tokens, with `row` numbers in a row of the state.
  void reserve_steps(std::int64_t tokens, std::int64_t row, int threads);

  std::int64_t tokens = 0;
  AlignedVector<float> residual;  // [tokens, d_model]
  // z | x | B | C | dt, with room for the kept inputs of the conv in front
  AlignedVector<float> projected;  // [d_conv - 1 + tokens, d_in_proj]
  AlignedVector<float> xbc;        // after the conv [tokens, conv_dim]
  AlignedVector<float> dt;         // [tokens, nheads]
  AlignedVector<float> decay;      // [tokens, nheads]
  AlignedVector<float> y;          // [tokens, d_inner]
  AlignedVector<float> out;        // outputs of out_proj [tokens, d_model]
  AlignedVector<float> ssm;        // h of a layer in float [nheads, headdim, d_state]
  // See kernels/chunk.h
  AlignedVector<float> chunk_groups;
  std::vector<AlignedVector<float>> chunk_scratch;  // for each thread
  QuantizedBuffer model_input;                // inputs of in_proj and the LM head [tokens, d_model]
  QuantizedBuffer inner_input;                // inputs of out_proj [tokens, d_inner]
  std::vector<AlignedVector<float>> scratch;  // for each thread [2, max(d_model, d_inner)]
  // For each thread, the tokens of a step of the SSM and its scratch [tokens, 2, row].
  struct Steps {
    std::vector<SsmToken> tokens;
    AlignedVector<float> scratch;
  };
  std::vector<Steps> steps;
};

}  // namespace lightmamba

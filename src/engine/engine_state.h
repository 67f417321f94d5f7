// What a sequence leaves behind in the engine, in the form in which the next token reads it.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

#include <lightmamba/sequence.h>

#include "base/buffer.h"
#include "kernels/elements.h"

namespace lightmamba {

// A plain value: copy it to fork a sequence.
struct EngineState {
  // The last d_conv - 1 inputs of the conv and room for the next [n_layer, d_conv, conv_dim].
  AlignedVector<float> conv;
  AlignedVector<std::byte> ssm;  // [n_layer, nheads, layout.head_bytes]
  std::int64_t position = 0;     // tokens seen
};

// Where the parts of one layer lie.
class EngineStateLayout {
 public:
  EngineStateLayout(const Mamba2Config& config, StateFormat format);

  const StateLayout& layout() const { return layout_; }
  std::int64_t conv_numbers() const { return conv_numbers_; }  // of a layer
  std::int64_t ssm_bytes() const { return ssm_bytes_; }        // of a layer

  EngineState empty() const;
  std::span<float> conv(EngineState& state, std::int64_t layer) const;
  std::span<std::byte> ssm(EngineState& state, std::int64_t layer) const;

  // From and to numbers. Those that the format holds are kept as they are.
  EngineState from_float(const State& state) const;
  State to_float(const EngineState& state) const;

 private:
  Mamba2Config config_;
  StateLayout layout_;
  std::int64_t conv_numbers_;
  std::int64_t ssm_bytes_;
};

}  // namespace lightmamba

// The memory of a sequence in the engine, in the form in which the next token reads it.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include <lightmamba/sequence.h>

#include "base/buffer.h"
#include "kernels/elements.h"

namespace lightmamba {

// The last tokens of a sequence, which its SSM state has not seen: the next pass runs the SSM over
// them first, from these inputs. Thus they can be taken back until then, and the state is read and
// written once for each pass, however many tokens are accepted.
struct PendingTokens {
  std::int64_t count = 0;
  // For each layer, inputs of the SSM: x | B | dt | decay  [count or more, pending_numbers()].
  std::vector<AlignedVector<float>> inputs;
  // For each layer, inputs of the conv from the oldest one in the conv state before these tokens
  // on: [d_conv - 1 + count or more, conv_dim].
  std::vector<AlignedVector<float>> conv;

  void clear();  // the memory stays for the next ones, but is not copied
};

// A plain value: copy it to fork a sequence.
struct EngineState {
  // The last d_conv - 1 inputs of the conv and room for the next [n_layer, d_conv, conv_dim].
  AlignedVector<float> conv;
  AlignedVector<std::byte> ssm;  // [n_layer, nheads, layout.head_bytes]
  std::int64_t position = 0;     // tokens seen, the pending ones included
  PendingTokens pending = {};    // the conv has seen them
};

// The places of the parts of one layer.
class EngineStateLayout {
 public:
  EngineStateLayout(const Mamba2Config& config, StateFormat format);

  const StateLayout& layout() const { return layout_; }
  std::int64_t conv_numbers() const { return conv_numbers_; }  // in a layer
  std::int64_t ssm_bytes() const { return ssm_bytes_; }        // in a layer
  // Numbers that are stored of a pending token in a layer.
  std::int64_t pending_numbers() const {
    return config_.d_inner + config_.ngroups * config_.d_state + 2 * config_.nheads;
  }

  EngineState empty() const;
  std::span<float> conv(EngineState& state, std::int64_t layer) const;
  std::span<std::byte> ssm(EngineState& state, std::int64_t layer) const;

  // Takes back the last `count` pending tokens.
  void take_back(EngineState& state, std::int64_t count) const;

  // Convert from and to numbers, without pending tokens. Numbers that the format can hold do not
  // change.
  EngineState from_float(const State& state) const;
  State to_float(const EngineState& state) const;

 private:
  Mamba2Config config_;
  StateLayout layout_;
  std::int64_t conv_numbers_;
  std::int64_t ssm_bytes_;
};

}  // namespace lightmamba

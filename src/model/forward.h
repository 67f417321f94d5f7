// The network over tokens: the float32 reference that everything else is held against.
#pragma once

#include <cstdint>
#include <span>

#include <lightmamba/sequence.h>

#include "model/block.h"
#include "model/weights.h"

namespace lightmamba {

// These throw Error for a state of another shape, an id outside the vocabulary, or room for another
// number of logits than none or all.
void check_state(const Mamba2Config& config, const State& state);
void check_tokens(const Mamba2Config& config, std::span<const TokenId> tokens);
void check_logits(const Mamba2Config& config, std::span<const float> logits);

// Feeds `tokens` to the network after `state`, which is advanced. `logits` is called for the tokens
// that `wanted` names. Throws Error for a token id outside the vocabulary, or a state of another
// shape, before anything is changed; Stopped before the segment that would come next.
void forward(const Weights& weights, State& state, std::span<const TokenId> tokens, Scan scan,
             LogitsFor wanted, const LogitsFn& logits, const Taps* taps,
             const std::stop_token& stop = {});

}  // namespace lightmamba

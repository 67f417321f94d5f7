// Runs the network over tokens: the float32 reference that everything else is compared with.
#pragma once

#include <cstdint>
#include <span>

#include <lightmamba/sequence.h>

#include "model/block.h"
#include "model/weights.h"

namespace lightmamba {

// These functions throw Error for a state of another shape, for an id outside the vocabulary, and
// for logits that are neither empty nor [vocab_size].
void check_state(const Mamba2Config& config, const State& state);
void check_tokens(const Mamba2Config& config, std::span<const TokenId> tokens);
void check_logits(const Mamba2Config& config, std::span<const float> logits);

// Feeds `tokens` to the network after `state`, which is advanced. `logits` is called for the tokens
// that `wanted` names. Throws Error for a token id outside the vocabulary, or a state of another
// shape, before anything is changed; throws Stopped before the next segment.
void forward(const Weights& weights, State& state, std::span<const TokenId> tokens, Scan scan,
             LogitsFor wanted, const LogitsFn& logits, const Taps* taps,
             const std::stop_token& stop = {});

}  // namespace lightmamba

// The logits after each of some tokens, in one piece.
#pragma once

#include <span>
#include <vector>

#include <lightmamba/sequence.h>

namespace lightmamba {

// Tokens whose logits are held at once, so that a parallel loop can share them out. The engine
// rounds its state at multiples of kPrefillSegment and wherever else a prefill ends, so a block
// ends where a segment does.
inline constexpr auto kLogitRows = static_cast<std::size_t>(kPrefillSegment);

// Prefills the sequence and returns the logits after each token [tokens, vocab_size]. They lie in
// `room`, which grows as needed and may serve several sequences.
std::span<const float> logit_rows(Sequence& sequence, std::span<const TokenId> tokens,
                                  std::vector<float>& room);

}  // namespace lightmamba

// The logits after each of some tokens, in one piece.
#pragma once

#include <span>
#include <vector>

#include <lightmamba/sequence.h>

namespace lightmamba {

// The number of tokens whose logits are held at once, so that a parallel loop can share them. The
// engine rounds its state at multiples of kPrefillSegment and at the end of a prefill, so each run
// of tokens ends with a segment.
inline constexpr auto kLogitRows = static_cast<std::size_t>(kPrefillSegment);

// Prefills the sequence and returns the logits after each token [tokens, vocab_size]. They are
// stored in `room`, which grows as needed and may serve several sequences.
std::span<const float> logit_rows(Sequence& sequence, std::span<const TokenId> tokens,
                                  std::vector<float>& room);

}  // namespace lightmamba

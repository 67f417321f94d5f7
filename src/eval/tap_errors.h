// tap_errors() at some of the taps.
#pragma once

#include <span>
#include <vector>

#include <lightmamba/evaluate.h>

namespace lightmamba {

// The errors at these taps alone, as tap_errors() gives them. The logits are left out where no tap
// needs them.
std::vector<TapError> tap_errors_at(const Model& model, std::span<const TokenId> tokens,
                                    const Quantizer& quantizer, std::span<const Tap> at);

}  // namespace lightmamba

// tap_errors() at some of the taps.
#pragma once

#include <span>
#include <stop_token>
#include <vector>

#include <lightmamba/evaluate.h>

namespace lightmamba {

// Returns the errors at these taps only, as tap_errors() does. No logits are computed if no tap
// needs them.
std::vector<TapError> tap_errors_at(const Model& model, std::span<const TokenId> tokens,
                                    const Quantizer& quantizer, std::span<const Tap> at,
                                    const std::stop_token& stop = {});

}  // namespace lightmamba

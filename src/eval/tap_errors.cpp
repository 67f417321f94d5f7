#include "eval/tap_errors.h"

#include <algorithm>
#include <map>
#include <memory>
#include <utility>

#include "eval/value_summary.h"

namespace lightmamba {
namespace {

// The order of computation: taps before the layers, in the layers, after the layers.
std::pair<std::int64_t, Tap> computed_at(const TapError& value, std::int64_t layers) {
  return {value.layer < 0 && value.tap != Tap::embedding ? layers : value.layer, value.tap};
}

}  // namespace

std::vector<TapError> tap_errors_at(const Model& model, std::span<const TokenId> tokens,
                                    const Quantizer& quantizer, std::span<const Tap> at,
                                    const std::stop_token& stop) {
  std::map<std::pair<std::int64_t, Tap>, ValueSummarizer> summarizers;
  Taps taps;
  for (const Tap tap : at) {
    taps.set(tap, [&](const TapValue& value) {
      summarizers.try_emplace({value.layer, value.tap}, quantizer)
          .first->second.add(value.columns, value.data);
    });
  }
  const std::unique_ptr<Sequence> sequence = reference_backend(model)->open({.taps = &taps});
  if (taps.has(Tap::head_input) || taps.has(Tap::logits)) {
    // Logits are requested after every token, so that these taps see every token.
    sequence->prefill_all(
        tokens, [](std::int64_t /*index*/, std::span<const float> /*logits*/) {}, stop);
  } else {
    sequence->prefill(tokens, stop);
  }

  std::vector<TapError> result;
  result.reserve(summarizers.size());
  for (const auto& [place, summarizer] : summarizers) {
    result.push_back({place.second, place.first, summarizer.summary()});
  }
  std::stable_sort(result.begin(), result.end(), [&](const TapError& a, const TapError& b) {
    const std::int64_t layers = model.config().n_layer;
    return computed_at(a, layers) < computed_at(b, layers);
  });
  return result;
}

std::vector<TapError> tap_errors(const Model& model, std::span<const TokenId> tokens,
                                 const Quantizer& quantizer, const TapErrorOptions& options) {
  std::vector<Tap> at;
  for (int i = 0; i < kTapCount; ++i) {
    const auto tap = static_cast<Tap>(i);
    if (tap != Tap::state || options.state) at.push_back(tap);
  }
  return tap_errors_at(model, tokens, quantizer, at, options.stop);
}

}  // namespace lightmamba

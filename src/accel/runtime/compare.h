// Two accelerators on the same tokens, unit by unit.
#pragma once

#include <functional>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "accel/runtime/accelerator.h"

namespace lightmamba::accel {

struct Difference {
  std::int64_t token;  // of the sequence
  std::int64_t layer;
  std::string_view unit;
  std::int64_t element;
  std::string_view field;  // of the element; empty where it has one value only
  // None: it has not come, or should not have come.
  std::optional<std::int64_t> expected, actual;

  std::string text() const;
};

struct Comparison {
  std::vector<TokenId> ids;              // that were chosen
  std::int64_t tokens = 0;               // that went through both
  std::int64_t values = 0;               // that were compared
  Counters counters;                     // of `actual`, all tokens
  Traffic traffic;                       // likewise
  std::optional<Difference> difference;  // the first in the order of the dataflow
  std::string error;                     // of `actual`; the difference is among what came before it
};

// Both read `prompt` and then `max_tokens` tokens less one of the largest logits of `expected`,
// with logits after each. Ends with the first token that differs. Both are reset before. `progress`
// is called after each token.
Comparison compare(Accelerator& expected, Accelerator& actual, std::span<const TokenId> prompt,
                   std::int64_t max_tokens, const std::function<void(std::int64_t)>& progress = {});

}  // namespace lightmamba::accel

// Compares two accelerators on the same tokens, unit by unit.
#pragma once

#include <functional>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "accel/runtime/accelerator.h"

namespace lightmamba::accel {

struct Difference {
  std::int64_t token;  // position of the token in the sequence
  std::int64_t layer;
  std::string_view unit;
  std::int64_t element;
  std::string_view field;  // name of the value within the element; empty if that has only one
  // No value means that it is missing, or was not expected.
  std::optional<std::int64_t> expected, actual;

  std::string text() const;
};

struct Comparison {
  std::vector<TokenId> ids;              // tokens that were chosen
  std::int64_t tokens = 0;               // tokens that both have computed
  std::int64_t values = 0;               // values that were compared
  Counters counters;                     // counters of `actual`, for all tokens
  Traffic traffic;                       // likewise
  std::optional<Difference> difference;  // the first in the order of the dataflow
  std::string error;  // error of `actual`; a difference is among the values before it
};

// Both read `prompt` and then max_tokens - 1 tokens of the largest logits of `expected`, with
// logits after each. The comparison ends with the first token that differs. Both are reset before
// it. `progress` is called after each token.
Comparison compare(Accelerator& expected, Accelerator& actual, std::span<const TokenId> prompt,
                   std::int64_t max_tokens, const std::function<void(std::int64_t)>& progress = {});

}  // namespace lightmamba::accel

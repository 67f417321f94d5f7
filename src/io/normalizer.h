// The changes that tokenizers make to a text before they split it.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "io/regex.h"

namespace lightmamba {

// The names are those of tokenizer.json.
struct NfcStep {};
struct PrependStep {
  std::string text;  // before every text that is not empty
};
struct ReplaceStep {
  Regex pattern;
  std::string content;  // in place of each match
};
using NormalizerStep = std::variant<NfcStep, PrependStep, ReplaceStep>;

// Returns `text` with the matches of the pattern replaced. Throws Error if that has more than
// `most_bytes`.
std::string replaced(std::string_view text, const ReplaceStep& step, std::size_t max_bytes);

// Returns the largest size that a text of `size` bytes may reach. Without a limit, a few steps that
// each repeat something could fill any memory.
std::size_t longest_normalized(std::size_t size);

// Applies the steps to well-formed text, in order. The result is `text` itself if nothing changes,
// else it lies in `storage`. Throws Error if a pattern cannot be matched or the text becomes too
// long.
std::string_view normalize(const std::vector<NormalizerStep>& steps, std::string_view text,
                           std::string& storage);

}  // namespace lightmamba

// What tokenizers do to a text before they split it.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "io/regex.h"

namespace lightmamba {

// Named as in tokenizer.json.
struct NfcStep {};
struct PrependStep {
  std::string text;  // before every text that is not empty
};
struct ReplaceStep {
  Regex pattern;
  std::string content;  // in place of each match
};
using NormalizerStep = std::variant<NfcStep, PrependStep, ReplaceStep>;

// `text` with the matches of the pattern replaced. Throws Error where that has more than
// `most_bytes`.
std::string replaced(std::string_view text, const ReplaceStep& step, std::size_t max_bytes);

// The longest that a text of `size` bytes may become. A few steps that each repeat something could
// else fill any memory.
std::size_t longest_normalized(std::size_t size);

// Well-formed text after the steps, in order. The result is `text` itself where nothing changes,
// else it lies in `storage`. Throws Error where a pattern cannot be matched or the text
// becomes too long.
std::string_view normalize(const std::vector<NormalizerStep>& steps, std::string_view text,
                           std::string& storage);

}  // namespace lightmamba

// Splits text into words, as tokenizers do before merging.
#pragma once

#include <cstddef>
#include <functional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "io/regex.h"

namespace lightmamba {

// Returns the end of the word that begins at `begin` (less than the size of the text), by the
// pattern
//   's|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+
// in well-formed text. Every character belongs to a word.
std::size_t gpt2_word_end(std::string_view text, std::size_t begin);
extern const std::string_view kGpt2Pattern;

// The fate of the matches of a pattern, and of the text between them.
enum class SplitBehavior {
  removed,
  isolated,              // each match is a piece of its own
  merged_with_previous,  // a match belongs to the text before it
  merged_with_next,      // a match belongs to the text after it
  contiguous             // adjacent matches are one piece
};

// The steps are those of the Hugging Face tokenizers library, named as in tokenizer.json. Each
// works on the pieces that the one before it leaves.
struct SplitStep {
  Regex pattern;
  SplitBehavior behavior;
  bool invert;  // exchange the roles of matches and of the text between them
};

struct Gpt2SplitStep {};  // isolates the words of gpt2_word_end()

struct DigitsStep {
  bool individual;  // each digit is a piece, else each run of digits
};

// From here on a piece is written in the GPT-2 spelling of its bytes.
struct ByteLevelStep {
  bool add_prefix_space;  // a piece that does not begin with a space gets one
  bool use_regex;         // words of gpt2_word_end()
};

enum class PrependScheme { always, first, never };

// Spaces become `replacement`, which begins a word.
struct MetaspaceStep {
  std::string replacement;
  PrependScheme prepend;  // before every piece that does not begin with it, or that begins a text
  bool split;
};

using PreTokenizerStep =
    std::variant<SplitStep, Gpt2SplitStep, DigitsStep, ByteLevelStep, MetaspaceStep>;

// Immutable; safe to use from several threads.
class PreTokenizer {
 public:
  // At most one step is a ByteLevelStep, and no MetaspaceStep follows it.
  explicit PreTokenizer(std::vector<PreTokenizerStep> steps);

  bool is_byte_level() const { return byte_level_; }

  // Calls `word` with each word of well-formed text, in order; none is empty. With a ByteLevelStep
  // the words are bytes, not their spelling. `begins_text` tells that nothing precedes the text.
  // Throws Error if a pattern cannot be matched.
  using WordFn = std::function<void(std::string_view)>;
  void split(std::string_view text, bool begins_text, const WordFn& word) const;

 private:
  void apply(std::size_t step, std::string_view text, bool begins_text, const WordFn& word) const;

  std::vector<PreTokenizerStep> steps_;
  bool byte_level_ = false;
};

}  // namespace lightmamba

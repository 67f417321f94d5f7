// The split into words that GPT-2 and its followers do before merging.
#pragma once

#include <cstddef>
#include <string_view>

namespace lightmamba {

// Where the word that begins at `begin` (less than the size of the text) ends, by the pattern
//   's|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+
// of well-formed text. Every character belongs to a word.
std::size_t gpt2_word_end(std::string_view text, std::size_t begin);

}  // namespace lightmamba

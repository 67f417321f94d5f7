// Tokens that are cut out of the text before it is split into words.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include <lightmamba/config.h>

#include "io/flat_map.h"

namespace lightmamba {

struct AddedToken {
  TokenId id = 0;
  std::string content;
  bool single_word = false;  // matches only where no word character touches it
  bool lstrip = false;       // includes the white space before it
  bool rstrip = false;       // includes the white space after it
  bool normalized = false;   // looked for in the normalized text
  bool special = false;
};

// An added token, or text between two.
struct AddedTokenPiece {
  std::string_view text;
  TokenId id;  // -1 for text
};

// Finds added tokens: the leftmost first, and the longest among those, exactly as the Hugging Face
// tokenizers library does, even if the white space of an rstrip token reaches over the next one.
class AddedTokenMatcher {
 public:
  explicit AddedTokenMatcher(std::vector<AddedToken> tokens);

  // The pieces of well-formed text, in order; none of them is empty text.
  std::vector<AddedTokenPiece> split(std::string_view text) const;

 private:
  struct Match {
    const AddedToken* token;  // null if there is none
    std::size_t end;
  };

  Match longest_at(std::string_view text, std::size_t begin) const;

  std::vector<AddedToken> tokens_;
  // A trie: nodes are numbers, the root is 0, an edge is found by node * 256 + byte.
  FlatMap<std::uint32_t> edges_;
  std::vector<std::int32_t> token_of_node_;  // index into tokens_, -1 for none
  std::array<bool, 256> begins_token_{};
};

}  // namespace lightmamba

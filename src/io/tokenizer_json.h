// tokenizer.json of the Hugging Face tokenizers library, as far as it describes byte-level BPE.
#pragma once

#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <lightmamba/config.h>

#include "io/added_tokens.h"
#include "io/bpe.h"

namespace lightmamba {

inline constexpr TokenId kHighestTokenId = (1 << 24) - 1;

struct TokenizerSpec {
  bool nfc = false;               // text is brought to normal form C
  bool add_prefix_space = false;  // text that does not begin with a space gets one
  bool split_words = true;        // by the GPT-2 pattern; else merges may span words
  bool ignore_merges = false;     // a word that is a token stays whole, whatever the merges
  std::vector<std::pair<std::string, TokenId>> vocabulary;  // in the GPT-2 spelling of bytes
  std::vector<BpeMerge> merges;                             // by rank
  std::vector<AddedToken> added_tokens;
};

// Ids lie in 0 ... kHighestTokenId, each has one text. Throws Error naming `source`, the field and
// what was found, for what is malformed and for what would make other tokens than byte-level BPE
// does.
TokenizerSpec read_tokenizer_json(std::string_view json, std::string_view source);

}  // namespace lightmamba

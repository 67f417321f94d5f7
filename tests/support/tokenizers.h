// Small tokenizer.json files for tests to change and parse.
#pragma once

#include <string>
#include <utility>
#include <vector>

#include <lightmamba/tokenizer.h>

#include "io/json.h"

namespace lightmamba::test {

using TokenPair = std::pair<std::string, std::string>;

// Byte-level BPE without normalizer: byte b is token b, merge i makes token 256 + i. Merges are
// written in the GPT-2 spelling of bytes (a space is "Ġ").
Json byte_level_file(const std::vector<TokenPair>& merges = {});

// An entry of added_tokens with all flags false.
Json added_token(TokenId id, const std::string& content);

Tokenizer parse_tokenizer(const Json& file);

}  // namespace lightmamba::test

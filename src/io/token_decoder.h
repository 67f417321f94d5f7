// From the tokens of a vocabulary of characters back to text.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "io/normalizer.h"

namespace lightmamba {

// A chain of decoders as tokenizer.json lists them: what is done to each token by itself, then to
// the text they make together.
struct TokenDecoder {
  std::vector<ReplaceStep> replacements;
  std::optional<std::string> metaspace;  // stands for a space
  bool drops_first_metaspace = false;    // in the first token of a text it stands for nothing
  bool byte_fallback = false;            // <0x0A> is that byte
  std::string stripped;  // a character that up to these numbers of are cut off the text's ends
  std::size_t strip_begin = 0;
  std::size_t strip_end = 0;
};

// The byte that a token of the form <0x0A> stands for.
std::optional<char> fallback_byte(std::string_view token);

// The bytes of a token, in the middle of a text or at its beginning.
std::string decoded_token(const TokenDecoder& decoder, std::string_view token, bool begins_text);

// The tokens' bytes together, as the text they are.
void strip_text(const TokenDecoder& decoder, std::string& text);

}  // namespace lightmamba

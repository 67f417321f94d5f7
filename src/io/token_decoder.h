// Turns tokens of a vocabulary of characters back into text.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "io/normalizer.h"

namespace lightmamba {

// A chain of decoders as tokenizer.json lists them: steps for single tokens, then steps for the
// text of all tokens.
struct TokenDecoder {
  std::vector<ReplaceStep> replacements;
  std::optional<std::string> metaspace;  // stands for a space
  bool drops_first_metaspace = false;    // it stands for nothing in the first token of a text
  bool byte_fallback = false;            // <0x0A> is that byte
  // Up to strip_begin of this character are cut off the beginning of a text, strip_end off its end.
  std::string stripped;
  std::size_t strip_begin = 0;
  std::size_t strip_end = 0;
};

// Returns the byte of a token of the form <0x0A>.
std::optional<char> fallback_byte(std::string_view token);

// Returns the bytes of a token, in the middle of a text or at its beginning.
std::string decoded_token(const TokenDecoder& decoder, std::string_view token, bool begins_text);

// Returns the bytes of the whole text that tokens make.
void strip_text(const TokenDecoder& decoder, std::string& text);

}  // namespace lightmamba

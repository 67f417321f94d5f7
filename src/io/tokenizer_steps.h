// The parts of a tokenizer.json around its model: normalizer, pre-tokenizer, post-processor and
// decoder.
#pragma once

#include <string_view>
#include <vector>

#include <lightmamba/config.h>

#include "io/json.h"
#include "io/normalizer.h"
#include "io/pretokenizer.h"
#include "io/token_decoder.h"

namespace lightmamba {

// What the post-processor puts around a single text.
struct SpecialTokenIds {
  std::vector<TokenId> before;
  std::vector<TokenId> after;
};

// Each reads its field of `file`, an object. Throws Error naming `source`, the field and what was
// found for what is malformed or not supported.
std::vector<NormalizerStep> read_normalizer(const Json& file, std::string_view source);
std::vector<PreTokenizerStep> read_pre_tokenizer(const Json& file, std::string_view source);
SpecialTokenIds read_post_processor(const Json& file, std::string_view source);
// For a vocabulary of characters; for one of bytes it only has to be ByteLevel or absent.
TokenDecoder read_decoder(const Json& file, bool byte_level, std::string_view source);

}  // namespace lightmamba

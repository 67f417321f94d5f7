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

// The tokens that the post-processor puts around a single text.
struct SpecialTokenIds {
  std::vector<TokenId> before;
  std::vector<TokenId> after;
};

// Each function reads its field of `file`, an object. It throws Error that names `source`, the
// field and the value found if that is malformed or not supported.
std::vector<NormalizerStep> read_normalizer(const Json& file, std::string_view source);
std::vector<PreTokenizerStep> read_pre_tokenizer(const Json& file, std::string_view source);
SpecialTokenIds read_post_processor(const Json& file, std::string_view source);
// Reads the decoder of a vocabulary of characters; for a vocabulary of bytes it must only be
// ByteLevel or absent.
TokenDecoder read_decoder(const Json& file, bool byte_level, std::string_view source);

}  // namespace lightmamba

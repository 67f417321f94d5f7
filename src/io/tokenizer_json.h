// tokenizer.json of the Hugging Face tokenizers library, as far as it describes byte pair encoding
// of bytes (GPT-2 and its followers) or of characters (as converted from SentencePiece).
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <lightmamba/config.h>

#include "io/added_tokens.h"
#include "io/bpe.h"
#include "io/tokenizer_steps.h"

namespace lightmamba {

struct TokenizerSpec {
  std::vector<NormalizerStep> normalizer;
  std::vector<PreTokenizerStep> pre_tokenizer;
  SpecialTokenIds special_tokens;
  TokenDecoder decoder;        // not for byte-level BPE
  bool byte_level = false;     // the pre-tokenizer turns text into bytes; else characters count
  bool ignore_merges = false;  // a word that is a token stays whole, whatever the merges
  bool byte_fallback = false;  // a character that is no token becomes tokens such as <0x0A>
  bool fuse_unknown = false;   // characters in a row that are no tokens become `unknown` once
  std::optional<TokenId> unknown;
  // In byte-level BPE, texts are in the GPT-2 spelling of bytes.
  std::vector<std::pair<std::string, TokenId>> vocabulary;
  std::vector<BpeMerge> merges;  // by rank
  std::vector<AddedToken> added_tokens;
};

// Ids lie in 0 ... kHighestTokenId, and each has one text. Throws Error that names `source`, the
// field and the value found if anything is malformed, or not supported so that it would make other
// tokens.
TokenizerSpec read_tokenizer_json(std::string_view json, std::string_view source);

}  // namespace lightmamba

// Byte-level BPE, as in the GPT-NeoX tokenizer that the published Mamba-2 models use.
#pragma once

#include <cstddef>
#include <filesystem>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include <lightmamba/config.h>
#include <lightmamba/error.h>

namespace lightmamba {

// Immutable after construction; safe to use from several threads. Copies share the tables.
class Tokenizer {
 public:
  // Reads a Hugging Face tokenizer.json. Throws Error naming the file, the field and what was found
  // where something is malformed or not byte-level BPE.
  static Tokenizer load(const std::filesystem::path& path);

  // The same from text; `source` is the name that errors use.
  static Tokenizer parse(std::string_view json, std::string_view source);

  // Text to ids; special tokens written out in the text (<|endoftext|>) become their ids. Nothing
  // is put around the text and it is never cut, whatever the file's post_processor and truncation
  // say. Throws Error if `text` is not valid UTF-8 or has a byte for which the vocabulary lacks a
  // token.
  std::vector<TokenId> encode(std::string_view text) const;

  // Ids to bytes; valid UTF-8 whenever the ids came from encode(). Throws Error for an id that has
  // no token.
  std::string decode(const std::vector<TokenId>& ids) const;

  // The bytes of one token (for an added token its text). Throws Error for an id that has no token.
  std::string_view token_bytes(TokenId id) const;

  bool is_special(TokenId id) const;  // marked special in added_tokens
  bool has_token(TokenId id) const;
  std::size_t vocab_size() const;  // highest id + 1
  // The tokenizer.json text this was made from, for files that carry it along.
  const std::string& json() const;

 private:
  struct Tables;
  explicit Tokenizer(std::shared_ptr<const Tables> tables);
  std::shared_ptr<const Tables> tables_;
};

}  // namespace lightmamba

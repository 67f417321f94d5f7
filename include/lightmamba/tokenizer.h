// Byte pair encoding, of bytes as in the GPT-NeoX tokenizer that the published Mamba-2 models use,
// or of characters as converted from SentencePiece.
#pragma once

#include <cstddef>
#include <filesystem>
#include <initializer_list>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include <lightmamba/config.h>
#include <lightmamba/error.h>
#include <lightmamba/export.h>

namespace lightmamba {

struct EncodeOptions {
  // Whether the tokens that the file's post_processor puts around a text, such as <s> before it,
  // are added. A prompt begins with them, as in transformers' generate(). Texts to evaluate or to
  // calibrate with must not have them, as in EleutherAI's lm-evaluation-harness, nor must texts
  // that continue another.
  bool add_special_tokens = false;
};

// Immutable after construction; safe to use from several threads. Copies share the tables.
class LIGHTMAMBA_EXPORT Tokenizer {
 public:
  // Reads a Hugging Face tokenizer.json. Throws Error that names the file, the field and the value
  // found if something is malformed or not supported.
  static Tokenizer load(const std::filesystem::path& path);

  // Does the same from text; errors use the name `source`.
  static Tokenizer parse(std::string_view json, std::string_view source);

  // Turns text into ids; special tokens written out in the text (<|endoftext|>) become their ids.
  // The text is never cut or padded, whatever the file says. Throws Error if `text` is not valid
  // UTF-8, has a byte or character for which the vocabulary has no token, or if a pattern of the
  // file takes too many steps on it.
  std::vector<TokenId> encode(std::string_view text, const EncodeOptions& options = {}) const;

  // Turns ids into bytes, as a whole text: if the file's decoder says so, without the space that
  // the tokenizer puts before a text. The result is valid UTF-8 whenever the ids came from
  // encode(). Throws Error for an id that has no token.
  std::string decode(std::span<const TokenId> ids) const;
  std::string decode(std::initializer_list<TokenId> ids) const {
    return decode(std::span(ids.begin(), ids.size()));
  }

  // Returns the bytes of one token within a text (for an added token its text). Throws Error for an
  // id that has no token.
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

#include <algorithm>
#include <array>
#include <cstdint>
#include <limits>
#include <optional>
#include <unordered_map>
#include <utility>

#include <lightmamba/tokenizer.h>

#include "base/fail.h"
#include "base/file.h"
#include "base/utf8.h"
#include "io/added_tokens.h"
#include "io/bpe.h"
#include "io/byte_level.h"
#include "io/pretokenizer.h"
#include "io/tokenizer_json.h"
#include "io/unicode.h"

namespace lightmamba {
namespace {

constexpr std::uint32_t kNoToken = std::numeric_limits<std::uint32_t>::max();

// The bytes of every token, in one string.
class TokenTexts {
 public:
  explicit TokenTexts(const TokenizerSpec& spec) {
    TokenId highest = -1;
    for (const auto& [text, id] : spec.vocabulary) highest = std::max(highest, id);
    for (const AddedToken& token : spec.added_tokens) highest = std::max(highest, token.id);
    entries_.resize(static_cast<std::size_t>(highest) + 1);
    // An added token stands for its own text, also where the vocabulary lists it.
    for (const AddedToken& token : spec.added_tokens) {
      set(token.id, token.content);
      entries_[static_cast<std::size_t>(token.id)].special = token.special;
    }
    for (const auto& [text, id] : spec.vocabulary) {
      if (has(id)) continue;
      const std::optional<std::string> bytes = spelled_bytes(text);
      set(id, bytes ? *bytes : text);
    }
  }

  bool has(TokenId id) const {
    return id >= 0 && static_cast<std::size_t>(id) < entries_.size() &&
           entries_[static_cast<std::size_t>(id)].begin != kNoToken;
  }
  bool is_special(TokenId id) const {
    return has(id) && entries_[static_cast<std::size_t>(id)].special;
  }
  std::string_view text(TokenId id) const {
    const Entry& entry = entries_[static_cast<std::size_t>(id)];
    return std::string_view(texts_).substr(entry.begin, entry.size);
  }
  std::size_t size() const { return entries_.size(); }

 private:
  struct Entry {
    std::uint32_t begin = kNoToken;
    std::uint32_t size : 31 = 0;
    std::uint32_t special : 1 = 0;
  };

  void set(TokenId id, std::string_view text) {
    Entry& entry = entries_[static_cast<std::size_t>(id)];
    entry.begin = static_cast<std::uint32_t>(texts_.size());
    entry.size = static_cast<std::uint32_t>(text.size()) & 0x7fffffffU;
    texts_ += text;
  }

  std::vector<Entry> entries_;
  std::string texts_;
};

BpeTable make_bpe_table(const TokenizerSpec& spec) {
  std::unordered_map<std::string_view, std::size_t> bytes;
  for (std::size_t byte = 0; byte < 256; ++byte) {
    bytes.emplace(byte_symbol(static_cast<unsigned char>(byte)), byte);
  }
  std::array<TokenId, 256> byte_ids{};
  byte_ids.fill(-1);
  std::unordered_map<std::string, TokenId> whole_words;
  for (const auto& [text, id] : spec.vocabulary) {
    const auto byte = bytes.find(text);
    if (byte != bytes.end()) byte_ids.at(byte->second) = id;
    if (!spec.ignore_merges) continue;
    if (std::optional<std::string> word = spelled_bytes(text)) whole_words.emplace(*word, id);
  }
  return {byte_ids, spec.merges, std::move(whole_words)};
}

// The added tokens to look for before (`normalized` false) or after normalization.
AddedTokenMatcher make_matcher(const TokenizerSpec& spec, bool normalized) {
  std::vector<AddedToken> tokens;
  for (const AddedToken& token : spec.added_tokens) {
    if (token.normalized != normalized) continue;
    tokens.push_back(token);
    if (!normalized || !spec.nfc) continue;
    std::string storage;
    tokens.back().content = std::string(to_nfc(token.content, storage));
  }
  return AddedTokenMatcher(std::move(tokens));
}

}  // namespace

struct Tokenizer::Tables {
  Tables(std::string_view json_text, std::string_view source_name, const TokenizerSpec& spec)
      : json(json_text),
        source(source_name),
        nfc(spec.nfc),
        add_prefix_space(spec.add_prefix_space),
        split_words(spec.split_words),
        texts(spec),
        raw_tokens(make_matcher(spec, false)),
        normalized_tokens(make_matcher(spec, true)),
        bpe(make_bpe_table(spec)),
        encoders(bpe) {}

  void encode_text(std::string_view text, BpeEncoder& encoder, std::vector<TokenId>& ids) const;
  void encode_words(std::string_view text, BpeEncoder& encoder, std::vector<TokenId>& ids) const;

  std::string json;
  std::string source;
  bool nfc;
  bool add_prefix_space;
  bool split_words;
  TokenTexts texts;
  AddedTokenMatcher raw_tokens;
  AddedTokenMatcher normalized_tokens;
  BpeTable bpe;
  mutable BpeEncoderPool encoders;
};

// Text between added tokens that are looked for before normalization.
void Tokenizer::Tables::encode_text(std::string_view text, BpeEncoder& encoder,
                                    std::vector<TokenId>& ids) const {
  std::string storage;
  const std::string_view normal = nfc ? to_nfc(text, storage) : text;
  for (const AddedTokenPiece& piece : normalized_tokens.split(normal)) {
    if (piece.id >= 0) {
      ids.push_back(piece.id);
    } else if (add_prefix_space && piece.text.front() != ' ') {
      std::string spaced(1, ' ');
      spaced += piece.text;
      encode_words(spaced, encoder, ids);
    } else {
      encode_words(piece.text, encoder, ids);
    }
  }
}

void Tokenizer::Tables::encode_words(std::string_view text, BpeEncoder& encoder,
                                     std::vector<TokenId>& ids) const {
  for (std::size_t begin = 0; begin < text.size();) {
    const std::size_t end = split_words ? gpt2_word_end(text, begin) : text.size();
    encoder.encode(text.substr(begin, end - begin), ids);
    begin = end;
  }
}

Tokenizer::Tokenizer(std::shared_ptr<const Tables> tables) : tables_(std::move(tables)) {}

Tokenizer Tokenizer::load(const std::filesystem::path& path) {
  return parse(read_text_file(path), path.string());
}

Tokenizer Tokenizer::parse(std::string_view json, std::string_view source) {
  const TokenizerSpec spec = read_tokenizer_json(json, source);
  return Tokenizer(std::make_shared<const Tables>(json, source, spec));
}

std::vector<TokenId> Tokenizer::encode(std::string_view text) const {
  require_utf8(text, "text to encode");
  std::vector<TokenId> ids;
  ids.reserve(text.size() / 3);
  std::unique_ptr<BpeEncoder> encoder = tables_->encoders.take();
  with_context(tables_->source, [&] {
    for (const AddedTokenPiece& piece : tables_->raw_tokens.split(text)) {
      if (piece.id >= 0) {
        ids.push_back(piece.id);
      } else {
        tables_->encode_text(piece.text, *encoder, ids);
      }
    }
  });
  tables_->encoders.give_back(std::move(encoder));
  return ids;
}

std::string Tokenizer::decode(const std::vector<TokenId>& ids) const {
  std::string text;
  text.reserve(4 * ids.size());
  for (const TokenId id : ids) text += token_bytes(id);
  return text;
}

std::string_view Tokenizer::token_bytes(TokenId id) const {
  if (!has_token(id)) {
    fail("{}: no token has id {}; ids lie below {}", tables_->source, id, vocab_size());
  }
  return tables_->texts.text(id);
}

bool Tokenizer::is_special(TokenId id) const { return tables_->texts.is_special(id); }

bool Tokenizer::has_token(TokenId id) const { return tables_->texts.has(id); }

std::size_t Tokenizer::vocab_size() const { return tables_->texts.size(); }

const std::string& Tokenizer::json() const { return tables_->json; }

}  // namespace lightmamba

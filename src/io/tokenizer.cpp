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

// Returns the text by which an added token is found.
std::string normalized_content(const AddedToken& token, const TokenizerSpec& spec) {
  std::string storage;
  return std::string(token.normalized ? normalize(spec.normalizer, token.content, storage)
                                      : token.content);
}

// The bytes of every token, in one string.
class TokenTexts {
 public:
  explicit TokenTexts(const TokenizerSpec& spec) {
    TokenId highest = -1;
    for (const auto& [text, id] : spec.vocabulary) highest = std::max(highest, id);
    for (const AddedToken& token : spec.added_tokens) highest = std::max(highest, token.id);
    entries_.resize(static_cast<std::size_t>(highest) + 1);
    // An added token stands for its own text, even if the vocabulary lists it. In a vocabulary of
    // characters the normalizer may put a space before it, which the text must keep.
    for (const AddedToken& token : spec.added_tokens) {
      set(token.id, spec.byte_level ? token.content : normalized_content(token, spec));
      entries_[static_cast<std::size_t>(token.id)].special = token.special;
    }
    for (const auto& [text, id] : spec.vocabulary) {
      if (has(id)) continue;
      const std::optional<std::string> bytes = spec.byte_level ? spelled_bytes(text) : text;
      set(id, bytes ? *bytes : text);
    }
    if (spec.byte_level) return;
    std::string spellings;
    spellings.swap(texts_);
    for (Entry& entry : entries_) {
      if (entry.begin == kNoToken) continue;
      const auto id = static_cast<TokenId>(&entry - entries_.data());
      const std::string_view spelling = std::string_view(spellings).substr(entry.begin, entry.size);
      set(id, decoded_token(spec.decoder, spelling, false));
      if (!spec.decoder.drops_first_metaspace) continue;
      std::string first = decoded_token(spec.decoder, spelling, true);
      if (first != text(id)) first_texts_.emplace(id, std::move(first));
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
  // The text of a token at the beginning of a text.
  std::string_view first_text(TokenId id) const {
    const auto found = first_texts_.find(id);
    return found == first_texts_.end() ? text(id) : found->second;
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
  std::unordered_map<TokenId, std::string> first_texts_;  // those that differ
};

void add_bytes(const TokenizerSpec& spec, BpeAlphabet& alphabet) {
  std::unordered_map<std::string_view, std::size_t> bytes;
  for (std::size_t byte = 0; byte < 256; ++byte) {
    bytes.emplace(byte_symbol(static_cast<unsigned char>(byte)), byte);
  }
  for (const auto& [text, id] : spec.vocabulary) {
    const auto byte = bytes.find(text);
    if (byte != bytes.end()) alphabet.bytes.at(byte->second) = id;
  }
}

void add_characters(const TokenizerSpec& spec, BpeAlphabet& alphabet) {
  alphabet.has_characters = true;
  for (const auto& [text, id] : spec.vocabulary) {
    if (text.empty()) continue;
    const CodePoint first = code_point_at(text, 0);
    if (first.size == text.size()) alphabet.characters[first.value] = id;
    if (!spec.byte_fallback) continue;
    const std::optional<char> byte = fallback_byte(text);
    // Looks for them in capitals only, as the tokenizers library does.
    if (byte && text == fmt::format("<0x{:02X}>", static_cast<unsigned char>(*byte))) {
      alphabet.bytes.at(static_cast<unsigned char>(*byte)) = id;
    }
  }
}

BpeTable make_bpe_table(const TokenizerSpec& spec) {
  BpeAlphabet alphabet;
  alphabet.bytes.fill(-1);
  alphabet.unknown = spec.unknown.value_or(-1);
  alphabet.fuse_unknown = spec.fuse_unknown;
  if (spec.byte_level) {
    add_bytes(spec, alphabet);
  } else {
    add_characters(spec, alphabet);
  }
  std::unordered_map<std::string, TokenId> whole_words;
  if (spec.ignore_merges) {
    for (const auto& [text, id] : spec.vocabulary) {
      std::optional<std::string> word = spec.byte_level ? spelled_bytes(text) : text;
      if (word) whole_words.emplace(std::move(*word), id);
    }
  }
  return {std::move(alphabet), spec.merges, std::move(whole_words)};
}

// Returns the added tokens to look for before (`normalized` false) or after normalization.
AddedTokenMatcher make_matcher(const TokenizerSpec& spec, bool normalized) {
  std::vector<AddedToken> tokens;
  for (const AddedToken& token : spec.added_tokens) {
    if (token.normalized != normalized) continue;
    tokens.push_back(token);
    tokens.back().content = normalized_content(token, spec);
  }
  return AddedTokenMatcher(std::move(tokens));
}

}  // namespace

struct Tokenizer::Tables {
  Tables(std::string_view json_text, std::string_view source_name, const TokenizerSpec& spec)
      : json(json_text),
        source(source_name),
        normalizer(spec.normalizer),
        pre_tokenizer(spec.pre_tokenizer),
        special_tokens(spec.special_tokens),
        decoder(spec.decoder),
        texts(spec),
        raw_tokens(make_matcher(spec, false)),
        normalized_tokens(make_matcher(spec, true)),
        bpe(make_bpe_table(spec)),
        encoders(bpe) {}

  void encode_text(std::string_view text, bool begins_text, BpeEncoder& encoder,
                   std::vector<TokenId>& ids) const;

  std::string json;
  std::string source;
  std::vector<NormalizerStep> normalizer;
  PreTokenizer pre_tokenizer;
  SpecialTokenIds special_tokens;
  TokenDecoder decoder;
  TokenTexts texts;
  AddedTokenMatcher raw_tokens;
  AddedTokenMatcher normalized_tokens;
  BpeTable bpe;
  mutable BpeEncoderPool encoders;
};

// Encodes text between added tokens that are found before normalization.
void Tokenizer::Tables::encode_text(std::string_view text, bool begins_text, BpeEncoder& encoder,
                                    std::vector<TokenId>& ids) const {
  const PreTokenizer::WordFn encode_word = [&](std::string_view word) {
    encoder.encode(word, ids);
  };
  std::string storage;
  const std::string_view normal = normalize(normalizer, text, storage);
  for (const AddedTokenPiece& piece : normalized_tokens.split(normal)) {
    if (piece.id >= 0) {
      ids.push_back(piece.id);
    } else {
      pre_tokenizer.split(piece.text, begins_text, encode_word);
    }
    begins_text = false;
  }
}

Tokenizer::Tokenizer(std::shared_ptr<const Tables> tables) : tables_(std::move(tables)) {}

Tokenizer Tokenizer::load(const std::filesystem::path& path) {
  return parse(read_text_file(path), path.string());
}

Tokenizer Tokenizer::parse(std::string_view json, std::string_view source) {
  const TokenizerSpec spec = read_tokenizer_json(json, source);
  return with_context(source, [&] {  // for a pattern that cannot be matched with a token
    return Tokenizer(std::make_shared<const Tables>(json, source, spec));
  });
}

std::vector<TokenId> Tokenizer::encode(std::string_view text, const EncodeOptions& options) const {
  require_utf8(text, "text to encode");
  std::vector<TokenId> ids;
  ids.reserve(text.size() / 3);
  const auto add_special = [&](const std::vector<TokenId>& special) {
    if (options.add_special_tokens) ids.insert(ids.end(), special.begin(), special.end());
  };
  add_special(tables_->special_tokens.before);
  std::unique_ptr<BpeEncoder> encoder = tables_->encoders.take();
  with_context(tables_->source, [&] {
    bool begins_text = true;
    for (const AddedTokenPiece& piece : tables_->raw_tokens.split(text)) {
      if (piece.id >= 0) {
        ids.push_back(piece.id);
      } else {
        tables_->encode_text(piece.text, begins_text, *encoder, ids);
      }
      begins_text = false;
    }
  });
  add_special(tables_->special_tokens.after);
  tables_->encoders.give_back(std::move(encoder));
  return ids;
}

std::string Tokenizer::decode(std::span<const TokenId> ids) const {
  std::string text;
  text.reserve(4 * ids.size());
  for (const TokenId& id : ids) {
    const std::string_view within = token_bytes(id);
    text += &id == ids.data() ? tables_->texts.first_text(id) : within;
  }
  strip_text(tables_->decoder, text);
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

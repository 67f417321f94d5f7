// Byte pair encoding of single words.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include <lightmamba/config.h>

#include "io/flat_map.h"

namespace lightmamba {

struct BpeMerge {
  TokenId left;
  TokenId right;
  TokenId result;
};

// The tokens that a word consists of before anything is merged.
struct BpeAlphabet {
  bool has_characters = false;  // else every byte is a symbol
  FlatMap<TokenId> characters;  // by code point
  std::array<TokenId, 256>
      bytes{};                // -1 where there is none; with characters those of byte_fallback
  TokenId unknown = -1;       // in place of a symbol without a token; -1: none
  bool fuse_unknown = false;  // once for several in a row
};

// What BPE knows about a vocabulary.
class BpeTable {
 public:
  // Merges come in order of rank; of two for one pair the later counts. Words found in
  // `whole_words` are never split.
  BpeTable(BpeAlphabet alphabet, const std::vector<BpeMerge>& merges,
           std::unordered_map<std::string, TokenId> whole_words);

 private:
  friend class BpeEncoder;
  static constexpr std::uint32_t kNoMerge = ~std::uint32_t{0};

  std::uint32_t rank(TokenId left, TokenId right) const;

  BpeAlphabet alphabet_;
  FlatMap<std::uint32_t> ranks_;
  std::vector<TokenId> results_;  // by rank
  std::unordered_map<std::string, TokenId> whole_words_;
};

// Encodes words, remembering the short ones it met lately. For one thread at a time.
class BpeEncoder {
 public:
  explicit BpeEncoder(const BpeTable& table);

  // Appends the tokens of a word of n bytes in time O(n log n). Throws Error for a byte or
  // character that has no token.
  void encode(std::string_view word, std::vector<TokenId>& out);

 private:
  static constexpr std::size_t kLongestKey = 23;
  static constexpr std::size_t kMaxIds = 9;
  using Key =
      std::array<std::uint64_t, 3>;  // the word padded with zeros, its size in the last byte

  struct alignas(64) CachedWord {
    Key key{};  // size 0 marks a free slot
    std::uint32_t count = 0;
    std::array<TokenId, kMaxIds> ids{};
  };

  struct Symbol {
    TokenId id;
    std::uint32_t next;
    std::uint32_t previous;
    std::uint32_t rank;  // of the merge with the next symbol; kNoMerge also once merged away
  };

  void merge(std::string_view word, std::vector<TokenId>& out);
  void begin_symbols(std::string_view word);
  void add_symbol(TokenId id);
  void rank_pair(std::uint32_t left);

  const BpeTable& table_;
  std::vector<CachedWord> cache_;
  std::vector<Symbol> symbols_;
  std::vector<std::uint64_t> queue_;  // heap of rank * 2^32 + position, least first
};

// Encoders for the calls that run at the same time, kept with what they remember for later ones.
class BpeEncoderPool {
 public:
  explicit BpeEncoderPool(const BpeTable& table) : table_(table) {}

  std::unique_ptr<BpeEncoder> take();
  void give_back(std::unique_ptr<BpeEncoder> encoder);

 private:
  const BpeTable& table_;
  std::mutex mutex_;
  std::vector<std::unique_ptr<BpeEncoder>> idle_;
};

}  // namespace lightmamba

#include "io/bpe.h"

#include <algorithm>
#include <cstring>
#include <functional>
#include <utility>

#include "base/fail.h"
#include "io/unicode.h"

namespace lightmamba {
namespace {

constexpr std::size_t kCacheSlots = std::size_t{1} << 15;
constexpr std::size_t kKeptSymbols = std::size_t{1} << 16;  // scratch above this is given back
constexpr std::size_t kMaxIdle = 64;

std::uint64_t pair_key(TokenId left, TokenId right) {
  return std::uint64_t{static_cast<std::uint32_t>(left)} << 32 | static_cast<std::uint32_t>(right);
}

std::uint64_t queue_entry(std::uint32_t rank, std::uint32_t position) {
  return std::uint64_t{rank} << 32 | position;
}

}  // namespace

BpeTable::BpeTable(BpeAlphabet alphabet, const std::vector<BpeMerge>& merges,
                   std::unordered_map<std::string, TokenId> whole_words)
    : alphabet_(std::move(alphabet)), whole_words_(std::move(whole_words)) {
  ranks_.reserve(merges.size());
  results_.reserve(merges.size());
  for (const BpeMerge& merge : merges) {
    ranks_[pair_key(merge.left, merge.right)] = static_cast<std::uint32_t>(results_.size());
    results_.push_back(merge.result);
  }
}

std::uint32_t BpeTable::rank(TokenId left, TokenId right) const {
  const std::uint32_t* found = ranks_.find(pair_key(left, right));
  return found != nullptr ? *found : kNoMerge;
}

BpeEncoder::BpeEncoder(const BpeTable& table) : table_(table), cache_(kCacheSlots) {}

void BpeEncoder::encode(std::string_view word, std::vector<TokenId>& out) {
  if (word.empty()) return;
  if (word.size() > kLongestKey) {
    merge(word, out);
    return;
  }
  Key key{};
  std::memcpy(key.data(), word.data(), word.size());
  const auto size = static_cast<unsigned char>(word.size());
  std::memcpy(reinterpret_cast<char*>(key.data()) + kLongestKey, &size, 1);
  const std::uint64_t hash = mix_bits(mix_bits(mix_bits(key[0]) ^ key[1]) ^ key[2]);
  CachedWord& slot = cache_[hash % kCacheSlots];
  if (slot.key == key) {
    out.insert(out.end(), slot.ids.begin(), slot.ids.begin() + slot.count);
    return;
  }
  const std::size_t before = out.size();
  merge(word, out);
  const std::size_t count = out.size() - before;
  if (count > kMaxIds) return;
  slot.key = key;
  slot.count = static_cast<std::uint32_t>(count);
  std::copy(out.begin() + static_cast<std::ptrdiff_t>(before), out.end(), slot.ids.begin());
}

void BpeEncoder::rank_pair(std::uint32_t left) {
  Symbol& symbol = symbols_[left];
  symbol.rank = symbol.next < symbols_.size() ? table_.rank(symbol.id, symbols_[symbol.next].id)
                                              : BpeTable::kNoMerge;
  if (symbol.rank != BpeTable::kNoMerge) queue_.push_back(queue_entry(symbol.rank, left));
}

void BpeEncoder::add_symbol(TokenId id) {
  const auto index = static_cast<std::uint32_t>(symbols_.size());
  symbols_.push_back({id, index + 1, index - 1, BpeTable::kNoMerge});
}

// The symbols of the word before merging, in the order that the tokenizers library gives them: a
// pending unknown token comes after the bytes of a character that follows it.
void BpeEncoder::begin_symbols(std::string_view word) {
  const BpeAlphabet& alphabet = table_.alphabet_;
  symbols_.clear();
  bool pending = false;  // an unknown token
  for (std::size_t at = 0; at < word.size();) {
    const auto first = static_cast<unsigned char>(word[at]);
    const CodePoint symbol =
        alphabet.has_characters ? code_point_at(word, at) : CodePoint{first, 1};
    const std::string_view bytes = word.substr(at, symbol.size);
    at += symbol.size;
    const auto id_of_byte = [&](char byte) {
      return alphabet.bytes[static_cast<unsigned char>(byte)];
    };
    const TokenId* character =
        alphabet.has_characters ? alphabet.characters.find(symbol.value) : nullptr;
    const TokenId id =
        alphabet.has_characters ? (character != nullptr ? *character : -1) : alphabet.bytes[first];
    if (id >= 0) {
      if (pending) add_symbol(alphabet.unknown);
      pending = false;
      add_symbol(id);
    } else if (alphabet.has_characters && std::all_of(bytes.begin(), bytes.end(), [&](char byte) {
                 return id_of_byte(byte) >= 0;
               })) {
      for (const char byte : bytes) add_symbol(id_of_byte(byte));
    } else if (alphabet.unknown >= 0) {
      if (pending && !alphabet.fuse_unknown) add_symbol(alphabet.unknown);
      pending = true;
    } else if (alphabet.has_characters) {
      fail("the vocabulary has no token for '{}'", bytes);
    } else {
      fail("the vocabulary has no token for byte 0x{:02x}", first);
    }
  }
  if (pending) add_symbol(alphabet.unknown);
}

// Merges the pair of the lowest rank, of equals the leftmost, until none is left. An entry of the
// queue is out of date when the symbol at its position has another rank by now: symbols only grow,
// so a pair never comes back to a position.
void BpeEncoder::merge(std::string_view word, std::vector<TokenId>& out) {
  if (!table_.whole_words_.empty()) {
    const auto whole = table_.whole_words_.find(std::string(word));
    if (whole != table_.whole_words_.end()) {
      out.push_back(whole->second);
      return;
    }
  }
  if (word.size() >= BpeTable::kNoMerge) fail("a word of {} bytes is too long", word.size());
  begin_symbols(word);
  queue_.clear();
  const auto size = static_cast<std::uint32_t>(symbols_.size());
  for (std::uint32_t i = 0; i + 1 < size; ++i) rank_pair(i);
  const std::greater<> least_first;
  std::make_heap(queue_.begin(), queue_.end(), least_first);

  const auto update_pair = [&](std::uint32_t left) {
    const std::size_t before = queue_.size();
    rank_pair(left);
    if (queue_.size() > before) std::push_heap(queue_.begin(), queue_.end(), least_first);
  };
  while (!queue_.empty()) {
    std::pop_heap(queue_.begin(), queue_.end(), least_first);
    const auto rank = static_cast<std::uint32_t>(queue_.back() >> 32);
    const auto position = static_cast<std::uint32_t>(queue_.back());
    queue_.pop_back();
    Symbol& left = symbols_[position];
    if (left.rank != rank) continue;
    Symbol& right = symbols_[left.next];
    right.rank = BpeTable::kNoMerge;
    left.id = table_.results_[rank];
    left.next = right.next;
    if (left.next < size) symbols_[left.next].previous = position;
    update_pair(position);
    if (position > 0) update_pair(left.previous);
  }
  for (std::uint32_t i = 0; i < size; i = symbols_[i].next) out.push_back(symbols_[i].id);

  if (size > kKeptSymbols) {
    symbols_ = {};
    queue_ = {};
  }
}

std::unique_ptr<BpeEncoder> BpeEncoderPool::take() {
  {
    const std::lock_guard lock(mutex_);
    if (!idle_.empty()) {
      std::unique_ptr<BpeEncoder> encoder = std::move(idle_.back());
      idle_.pop_back();
      return encoder;
    }
  }
  return std::make_unique<BpeEncoder>(table_);
}

void BpeEncoderPool::give_back(std::unique_ptr<BpeEncoder> encoder) {
  const std::lock_guard lock(mutex_);
  if (idle_.size() < kMaxIdle) idle_.push_back(std::move(encoder));
}

}  // namespace lightmamba

// A hash map from 64-bit keys for tables that are filled once and then read very often.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

namespace lightmamba {

// Mixes all bits of a key into all bits of the result (the finalizer of MurmurHash3).
inline std::uint64_t mix_bits(std::uint64_t key) {
  key = (key ^ (key >> 33)) * 0xff51afd7ed558ccdU;
  key = (key ^ (key >> 33)) * 0xc4ceb9fe1a85ec53U;
  return key ^ (key >> 33);
}

// Open addressing with linear probing, at most half full. The key 2^64 - 1 must not be used.
template <typename Value>
class FlatMap {
 public:
  // Makes room, so that `count` insertions do not grow the table.
  void reserve(std::size_t count) {
    std::size_t wanted = 16;
    while (wanted < 2 * count) wanted *= 2;
    if (wanted > slots_.size()) rehash(wanted);
  }

  // Returns the value of `key`, which it inserts if absent.
  Value& operator[](std::uint64_t key) {
    reserve(size_ + 1);
    Slot& slot = slots_[index_of(key)];
    if (slot.key == kEmpty) {
      slot.key = key;
      ++size_;
    }
    return slot.value;
  }

  const Value* find(std::uint64_t key) const {
    if (slots_.empty()) return nullptr;
    const Slot& slot = slots_[index_of(key)];
    return slot.key == kEmpty ? nullptr : &slot.value;
  }

 private:
  static constexpr std::uint64_t kEmpty = ~std::uint64_t{0};
  struct Slot {
    std::uint64_t key = kEmpty;
    Value value{};
  };

  std::size_t index_of(std::uint64_t key) const {
    const std::size_t mask = slots_.size() - 1;
    std::size_t index = mix_bits(key) & mask;
    while (slots_[index].key != key && slots_[index].key != kEmpty) index = (index + 1) & mask;
    return index;
  }

  void rehash(std::size_t slot_count) {
    std::vector<Slot> old(slot_count);
    old.swap(slots_);
    for (const Slot& slot : old) {
      if (slot.key != kEmpty) slots_[index_of(slot.key)] = slot;
    }
  }

  std::vector<Slot> slots_;
  std::size_t size_ = 0;
};

}  // namespace lightmamba

// What the benches of the AXI streams share: a piece of memory and ranges of it.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "bits.h"

namespace lightmamba::accel {

// Addresses pass 4 GiB in the middle of it.
inline constexpr std::size_t kImageBytes = std::size_t{1} << 17;
inline constexpr std::uint64_t kImageAddress = (std::uint64_t{3} << 32) - kImageBytes / 2;

inline std::vector<std::byte> random_bytes(RandomNumbers& random, std::size_t count) {
  std::vector<std::byte> bytes(count);
  for (std::byte& byte : bytes) byte = static_cast<std::byte>(random.below(256));
  return bytes;
}

struct AxiRange {
  std::size_t offset = 0;  // bytes in the image
  std::size_t words = 1;

  std::uint64_t address() const { return kImageAddress + offset; }
};

// Anywhere in the image, at multiples of the word.
inline AxiRange random_range(RandomNumbers& random, std::size_t word_bytes, std::size_t max) {
  const std::size_t words = 1 + random.below(random.chance(30) ? 4 : max);
  const std::size_t places = kImageBytes / word_bytes - words + 1;
  return {random.below(places) * word_bytes, words};
}

// Bursts of a range, which end at multiples of `burst` words.
inline std::size_t bursts_of(const AxiRange& range, std::size_t word_bytes, std::size_t burst) {
  const std::size_t first = range.address() / word_bytes / burst;
  const std::size_t last = (range.address() / word_bytes + range.words - 1) / burst;
  return last - first + 1;
}

}  // namespace lightmamba::accel

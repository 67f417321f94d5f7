// Blocks of numbers whose largest magnitudes are where the choice of a scale turns.
#pragma once

#include <algorithm>
#include <cstdint>
#include <vector>

#include "bits.h"

namespace lightmamba::accel {

inline constexpr std::size_t kBlock = 64;

// A magnitude next to `head` of 7 or 8 bits times a power of two, within `bits` with the sign.
inline std::int64_t near_border(RandomNumbers& random, int bits, std::int64_t head) {
  const auto shift = static_cast<int>(random.below(static_cast<std::uint64_t>(bits - 8)));
  const std::int64_t border = (head << shift) + static_cast<std::int64_t>(random.below(5)) - 2;
  const std::int64_t max = (std::int64_t{1} << (bits - 1)) - 1;
  return std::clamp<std::int64_t>(border, 0, max);
}

inline std::vector<std::int64_t> random_block(RandomNumbers& random, int bits) {
  std::vector<std::int64_t> block(kBlock, 0);
  const std::int64_t kind = static_cast<std::int64_t>(random.below(8));
  if (kind == 0) return block;
  const int used = kind == 1 ? bits : 1 + static_cast<int>(random.below(bits));
  for (std::int64_t& x : block) x = random.number(used);
  if (kind >= 5) {
    const std::int64_t head = kind == 5 ? 127 : kind == 6 ? 128 : 64;
    const std::int64_t largest = near_border(random, bits, head);
    for (std::int64_t& x : block) x = std::clamp(x, -largest, largest);
    block[random.below(kBlock)] = random.chance(50) ? largest : -largest;
  }
  if (kind == 2) block[random.below(kBlock)] = -(std::int64_t{1} << (bits - 1));
  return block;
}

}  // namespace lightmamba::accel

// Blocks of numbers whose largest magnitudes are where the choice of a scale turns, and the units
// that round such blocks to bfp8.
#pragma once

#include <algorithm>
#include <bit>
#include <cstdint>
#include <functional>
#include <span>
#include <utility>
#include <vector>

#include "ports.h"
#include "streams.h"

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

// The beats of a block, its exponent with each of them.
inline void append_beats(std::span<const std::int8_t> codes, int exponent, std::size_t lanes,
                         std::vector<Beat>& beats) {
  for (std::size_t begin = 0; begin < codes.size(); begin += lanes) {
    const std::span part = codes.subspan(begin, lanes);
    beats.emplace_back(part.begin(), part.end());
    beats.back().push_back(exponent);
  }
}

// Exercises a unit that takes as many beats as it gives. A block must be complete before each of
// its `passes`, which find the largest value by a tree over the lanes.
template <typename Unit>
void exercise_rounding(Unit& unit, std::size_t lanes, const std::function<void(std::size_t)>& send,
                       std::vector<Beat> expected, std::int64_t passes, std::int64_t latency) {
  const auto beats = static_cast<std::int64_t>(kBlock / lanes);
  const std::int64_t cycles =
      std::ssize(expected) + passes * (beats - 1 + std::bit_width(lanes) - 1) + latency;
  const auto read = [&] {
    Beat beat = lanes_of(unit.out_codes_o, lanes, 8);
    beat.push_back(sign_extend(unit.out_exponent_o, 8));
    return beat;
  };
  exercise({.clock = clock_of(unit),
            .in = {{unit.in_valid_i, unit.in_ready_o, expected.size(), send}},
            .out = {{unit.out_valid_o, unit.out_ready_i, read, std::move(expected)}}},
           cycles);
}

}  // namespace lightmamba::accel

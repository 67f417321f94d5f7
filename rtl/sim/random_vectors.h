// Vectors to be quantized, with groups whose scales and codes are at corners.
#pragma once

#include <algorithm>
#include <cstdint>
#include <cstdlib>
#include <vector>

#include "accel/numerics/quantize_unit.h"
#include "bits.h"

namespace lightmamba::accel {

struct Vector {
  std::vector<std::int64_t> values;
  int clip = 1 << kClipFractionBits;
};

// A group of values of `most_bits` as they may be.
inline void append_group(RandomNumbers& random, int group, int max_bits,
                         std::vector<std::int64_t>& values) {
  const std::int64_t max = (std::int64_t{1} << (max_bits - 1)) - 1;
  const std::uint64_t kind = random.below(10);
  const int bits = 2 + static_cast<int>(random.below(static_cast<std::uint64_t>(max_bits - 1)));
  const std::int64_t tie = std::max<std::int64_t>(std::abs(random.number(bits)), 1) & max;
  for (int i = 0; i < group; ++i) {
    std::int64_t x = random.number(bits);
    if (kind == 0) x = 0;
    if (kind == 1) x = static_cast<std::int64_t>(random.below(7)) - 3;
    if (kind == 2) x = random.chance(50) ? max : -max - 1;
    if (kind == 3) x = random.chance(50) ? tie : -tie;
    if (kind == 4) x = i == 77 % group ? tie : 0;
    if (kind == 5) x = std::abs(random.number(bits)) & max;
    if (kind == 6) x = std::clamp(random.number(max_bits), -tie, tie);
    values.push_back(x);
  }
}

inline int random_clip(RandomNumbers& random) {
  switch (random.below(8)) {
    case 0:
      return 1 << kClipFractionBits;
    case 1:
      return 1 << (kClipFractionBits - 1);
    case 2:
      return 16 + static_cast<int>(random.below(0xfff0));
    case 3:
      return random.chance(50) ? 16 : 0xffff;
    default:
      return (1 << (kClipFractionBits - 1)) +
             static_cast<int>(random.below(1 << (kClipFractionBits - 1)));
  }
}

inline Vector random_vector(RandomNumbers& random, int groups, int group, int bits) {
  Vector vector{{}, random_clip(random)};
  for (int g = 0; g < groups; ++g) append_group(random, group, bits, vector.values);
  return vector;
}

}  // namespace lightmamba::accel

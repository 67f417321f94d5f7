// Numbers of so many bits on the ports of a verilated module.
#pragma once

#include <cstdint>
#include <random>

namespace lightmamba::accel {

// A signed number of `bits` bits that a port has, without the sign's copies above.
inline std::int64_t sign_extend(std::uint64_t value, int bits) {
  return static_cast<std::int64_t>(value << (64 - bits)) >> (64 - bits);
}

// The lowest bits, as a port takes them.
inline std::uint64_t low_bits(std::int64_t value, int bits) {
  return static_cast<std::uint64_t>(value) & (~std::uint64_t{0} >> (64 - bits));
}

// Random numbers for benches: of all magnitudes, with the corners of the range among them.
class RandomNumbers {
 public:
  explicit RandomNumbers(std::uint64_t seed) : generator_(seed) {}

  std::uint64_t below(std::uint64_t end) { return generator_() % end; }
  bool chance(int percent) { return below(100) < static_cast<std::uint64_t>(percent); }

  // Signed, of `bits` bits.
  std::int64_t number(int bits) {
    const std::int64_t max = (std::int64_t{1} << (bits - 1)) - 1;
    switch (below(16)) {
      case 0:
        return max;
      case 1:
        return -max - 1;
      case 2:
        return 0;
      default:
        return static_cast<std::int64_t>(generator_()) >>
               (64 - bits + static_cast<int>(below(static_cast<std::uint64_t>(bits))));
    }
  }

 private:
  std::mt19937_64 generator_;
};

}  // namespace lightmamba::accel

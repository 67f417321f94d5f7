// Random numbers that are the same with every standard library: the engines of the libraries agree,
// their distributions do not.
#pragma once

#include <cmath>
#include <cstdint>
#include <numbers>
#include <random>

namespace lightmamba {

class Random {
 public:
  explicit Random(std::uint64_t seed) : engine_(seed) {}

  double uniform() { return static_cast<double>(engine_() >> 11) * 0x1p-53; }  // [0, 1)

  // [0, count). The bias is below count / 2^53.
  std::size_t index(std::size_t count) {
    return static_cast<std::size_t>(uniform() * static_cast<double>(count));
  }

  // Mean 0, variance 1 (Box and Muller, 1958).
  double normal() {
    const double radius = std::sqrt(-2 * std::log(1 - uniform()));
    return radius * std::cos(2 * std::numbers::pi * uniform());
  }

 private:
  std::mt19937_64 engine_;
};

}  // namespace lightmamba

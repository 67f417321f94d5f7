// The distance of values from those expected.
#pragma once

#include <cmath>
#include <cstddef>
#include <span>

namespace lightmamba {

struct SquaredError {
  double difference = 0;  // ||found - expected||^2
  double norm = 0;        // ||expected||^2

  // The sums are in double.
  template <typename A, typename B>
  void add(std::span<const A> found, std::span<const B> expected) {
    for (std::size_t i = 0; i < found.size(); ++i) {
      const auto value = static_cast<double>(expected[i]);
      const double d = static_cast<double>(found[i]) - value;
      difference += d * d;
      norm += value * value;
    }
  }
  void add(const SquaredError& other) {
    difference += other.difference;
    norm += other.norm;
  }
  double relative() const { return norm > 0 ? std::sqrt(difference / norm) : 0; }
};

}  // namespace lightmamba

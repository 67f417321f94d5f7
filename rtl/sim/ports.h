// Fields of any width within the ports of a verilated module: a number up to 64 bits wide, or an
// array of words above.
#pragma once

#include <cstddef>
#include <cstdint>
#include <type_traits>
#include <verilated.h>

#include "bits.h"

namespace lightmamba::accel {

template <typename Port>
void set_bit(Port& port, std::size_t bit, bool value) {
  if constexpr (std::is_integral_v<Port>) {
    const auto mask = static_cast<Port>(Port{1} << bit);
    port = static_cast<Port>(value ? port | mask : port & ~mask);
  } else {
    set_bit(port[bit / 32], bit % 32, value);
  }
}

template <typename Port>
bool get_bit(const Port& port, std::size_t bit) {
  if constexpr (std::is_integral_v<Port>) {
    return (port >> bit & 1) != 0;
  } else {
    return get_bit(port[bit / 32], bit % 32);
  }
}

// Number `index` of those of `bits` bits that fill the port from its lowest bit.
template <typename Port>
void set_field(Port& port, std::size_t index, int bits, std::int64_t value) {
  const auto width = static_cast<std::size_t>(bits);
  for (std::size_t i = 0; i < width; ++i) set_bit(port, index * width + i, (value >> i & 1) != 0);
}

template <typename Port>
std::int64_t get_field(const Port& port, std::size_t index, int bits) {
  const auto width = static_cast<std::size_t>(bits);
  std::uint64_t value = 0;
  for (std::size_t i = 0; i < width; ++i) {
    value |= std::uint64_t{get_bit(port, index * width + i)} << i;
  }
  return sign_extend(value, bits);
}

}  // namespace lightmamba::accel

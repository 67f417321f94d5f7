// Numbers in a port of a verilated module, whatever type its width gives it.
#pragma once

#include <cstddef>
#include <cstdint>
#include <verilated.h>

namespace lightmamba::accel {

// `bits` of the port, from `position`.
template <typename Port>
std::uint64_t read_port(const Port& port, int position, int bits) {
  return static_cast<std::uint64_t>(port) >> position & ~std::uint64_t{0} >> (64 - bits);
}

template <std::size_t kWords>
std::uint64_t read_port(const VlWide<kWords>& port, int position, int bits) {
  std::uint64_t value = 0;
  for (int i = 0; i < bits; ++i) {
    const int at = position + i;
    value |= std::uint64_t{port[static_cast<std::size_t>(at / 32)] >> (at % 32) & 1U} << i;
  }
  return value;
}

template <typename Port>
void write_port(Port& port, int position, int bits, std::uint64_t value) {
  const std::uint64_t mask = ~std::uint64_t{0} >> (64 - bits) << position;
  port = static_cast<Port>((port & ~mask) | (value << position & mask));
}

template <std::size_t kWords>
void write_port(VlWide<kWords>& port, int position, int bits, std::uint64_t value) {
  for (int i = 0; i < bits; ++i) {
    const int at = position + i;
    EData& word = port[static_cast<std::size_t>(at / 32)];
    const EData bit = EData{1} << (at % 32);
    word = (value >> i & 1U) != 0 ? word | bit : word & ~bit;
  }
}

}  // namespace lightmamba::accel

// Fields of the packed ports of a verilated module, of any width.
#pragma once

#include <algorithm>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <vector>
#include <verilated.h>

#include "bits.h"

namespace lightmamba::accel {

template <std::integral Port>
void set_field(Port& port, int low, int bits, std::int64_t value) {
  const std::uint64_t mask = low_bits(-1, bits) << low;
  port = static_cast<Port>((port & ~mask) | low_bits(value, bits) << low);
}

template <std::integral Port>
std::uint64_t get_field(Port port, int low, int bits) {
  return low_bits(static_cast<std::int64_t>(static_cast<std::uint64_t>(port) >> low), bits);
}

template <std::size_t kWords>
void set_field(VlWide<kWords>& port, int low, int bits, std::int64_t value) {
  for (int done = 0; done < bits;) {
    const int at = (low + done) % 32;
    const int count = std::min(32 - at, bits - done);
    set_field(port[static_cast<std::size_t>(low + done) / 32], at, count, value >> done);
    done += count;
  }
}

template <std::size_t kWords>
std::uint64_t get_field(const VlWide<kWords>& port, int low, int bits) {
  std::uint64_t value = 0;
  for (int done = 0; done < bits;) {
    const int at = (low + done) % 32;
    const int count = std::min(32 - at, bits - done);
    value |= get_field(port[static_cast<std::size_t>(low + done) / 32], at, count) << done;
    done += count;
  }
  return value;
}

// Lanes of signed numbers.
template <typename Port>
void set_lane(Port& port, std::size_t lane, int bits, std::int64_t value) {
  set_field(port, static_cast<int>(lane) * bits, bits, value);
}

template <typename Port>
std::int64_t get_lane(const Port& port, std::size_t lane, int bits) {
  return sign_extend(get_field(port, static_cast<int>(lane) * bits, bits), bits);
}

template <typename Port>
void set_lanes(Port& port, const std::int64_t* values, std::size_t lanes, int bits) {
  for (std::size_t lane = 0; lane < lanes; ++lane) set_lane(port, lane, bits, values[lane]);
}

template <typename Port>
std::vector<std::int64_t> lanes_of(const Port& port, std::size_t lanes, int bits) {
  std::vector<std::int64_t> values(lanes);
  for (std::size_t lane = 0; lane < lanes; ++lane) values[lane] = get_lane(port, lane, bits);
  return values;
}

}  // namespace lightmamba::accel

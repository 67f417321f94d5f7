// Joins the AXI ports of a verilated unit, named ar_, r_, aw_, w_ and b_, with those of AxiMemory.
#pragma once

#include <concepts>
#include <cstddef>
#include <cstring>
#include <verilated.h>

#include "axi_memory.h"

namespace lightmamba::accel {

// The bytes of a port of a verilated module, lowest first.
template <std::integral Port>
std::byte* bytes_of(Port& port) {
  return reinterpret_cast<std::byte*>(&port);
}

template <std::size_t kWords>
std::byte* bytes_of(VlWide<kWords>& port) {
  return reinterpret_cast<std::byte*>(port.data());
}

// Before the unit settles.
template <typename Unit>
void drive(const AxiReadPort& port, Unit& unit) {
  unit.ar_ready_i = port.ar_ready;
  unit.r_valid_i = port.r_valid;
  unit.r_response_i = port.r_response;
  unit.r_last_i = port.r_last;
  if (port.r_valid) std::memcpy(bytes_of(unit.r_data_i), port.r_data, sizeof(unit.r_data_i));
}

template <typename Unit>
void drive(const AxiWritePort& port, Unit& unit) {
  unit.aw_ready_i = port.aw_ready;
  unit.w_ready_i = port.w_ready;
  unit.b_valid_i = port.b_valid;
  unit.b_response_i = port.b_response;
}

// After the unit has settled.
template <typename Unit>
void sample(Unit& unit, AxiReadPort& port) {
  port.ar_valid = unit.ar_valid_o != 0;
  port.ar_address = unit.ar_address_o;
  port.ar_length = unit.ar_length_o;
  port.r_ready = unit.r_ready_o != 0;
}

template <typename Unit>
void sample(Unit& unit, AxiWritePort& port) {
  port.aw_valid = unit.aw_valid_o != 0;
  port.aw_address = unit.aw_address_o;
  port.aw_length = unit.aw_length_o;
  port.w_valid = unit.w_valid_o != 0;
  port.w_data = bytes_of(unit.w_data_o);
  port.w_last = unit.w_last_o != 0;
  port.b_ready = unit.b_ready_o != 0;
}

}  // namespace lightmamba::accel

// The registers of the core, 32 bits each, behind AXI4-Lite in the map that Vitis kernels have
// (ap_ctrl_hs). rtl/sim/write_rtl.cpp writes the constants of rtl/control_registers.sv and the
// table of the documentation from this one.
#pragma once

#include <array>
#include <cstdint>
#include <span>
#include <string_view>

namespace lightmamba::accel {

enum class Access : std::uint8_t { read, read_write };

// One register, or several of a kind that are `stride` bytes apart. The low half of 64 bits is
// first.
struct Register {
  std::string_view name;
  std::uint32_t offset;
  Access access;
  std::string_view meaning;
  int bits = 32;
  int count = 1;
  std::uint32_t stride = 0;

  constexpr std::uint32_t at(int index) const {
    return offset + static_cast<std::uint32_t>(index) * stride;
  }
  constexpr std::uint32_t end() const {
    return at(count - 1) + static_cast<std::uint32_t>(bits / 8);
  }
};

inline constexpr std::uint32_t kAddressStride = 12;
inline constexpr int kRegisterAddressBits = 12;

inline constexpr auto kRegisters = std::to_array<Register>({
    {"CONTROL", 0x00, Access::read_write, "start and state"},
    {"GLOBAL_ENABLE", 0x04, Access::read_write, "bit 0 enables the interrupt"},
    {"ENABLE", 0x08, Access::read_write, "which events interrupt"},
    {"STATUS", 0x0c, Access::read_write, "which of them came; writing a 1 toggles it"},
    {"TOKEN", 0x10, Access::read_write, "token"},
    {"POSITION", 0x18, Access::read_write, "position of the token in its sequence"},
    {"FLAGS", 0x20, Access::read_write, "what to do after the last layer"},
    {"PARAMETERS", 0x28, Access::read_write, "address of the parameters", 64},
    {"EMBEDDING", 0x34, Access::read_write, "address of the embedding", 64},
    {"CONV_STATE", 0x40, Access::read_write, "address of the conv state", 64},
    {"LOGITS", 0x4c, Access::read_write, "address of the logits", 64},
    {"SSM_STATE", 0x58, Access::read_write, "address of state channel c", 64, 8, kAddressStride},
    {"WEIGHTS", 0xb8, Access::read_write, "address of weight channel c", 64, 32, kAddressStride},
    {"NEXT_TOKEN", 0x240, Access::read,
     "token of the largest logit, the first one if several are equal"},
    {"NEXT_LOGIT", 0x244, Access::read, "that logit"},
    {"ERRORS", 0x248, Access::read, "errors of the last token"},
    {"COUNTERS", 0x250, Access::read, "counter c of the last token", 64, 8, 8},
});

// A bit that has a meaning of its own.
struct RegisterBit {
  std::string_view of;  // the register
  std::string_view name;
  int bit;
  std::string_view meaning;
};

inline constexpr auto kRegisterBits = std::to_array<RegisterBit>({
    {"CONTROL", "START", 0, "ap_start, computes a token"},
    {"CONTROL", "DONE", 1, "ap_done, cleared when read"},
    {"CONTROL", "IDLE", 2, "ap_idle"},
    {"CONTROL", "READY", 3, "ap_ready, cleared when read"},
    {"CONTROL", "RESTART", 7, "auto_restart"},
    {"ENABLE", "DONE", 0, "done"},
    {"ENABLE", "READY", 1, "ready"},
    {"STATUS", "DONE", 0, "done"},
    {"STATUS", "READY", 1, "ready"},
    {"FLAGS", "HEAD", 0, "compute the LM head"},
    {"FLAGS", "LOGITS", 1, "write the logits"},
    {"ERRORS", "NO_IMAGE", 0, "no image at the address of the parameters"},
    {"ERRORS", "TOO_LARGE", 1, "a shape larger than the core allows"},
    {"ERRORS", "BUS", 2, "an error of the bus"},
});

// Not defined: a name that is not in a table does not compile.
const Register& no_such_register();

// A reference: clang 14 loses members of a copy that is made at run time.
consteval const Register& register_named(std::string_view name) {
  for (const Register& each : kRegisters) {
    if (each.name == name) return each;
  }
  return no_such_register();
}

// Returns the bit as a mask.
consteval std::uint32_t register_bit(std::string_view of, std::string_view name) {
  for (const RegisterBit& each : kRegisterBits) {
    if (each.of == of && each.name == name) return std::uint32_t{1} << each.bit;
  }
  return no_such_register().offset;
}

// Registers lie one behind the other, at multiples of 4 bytes.
consteval bool registers_are_in_order() {
  std::uint32_t end = 0;
  for (const Register& each : kRegisters) {
    if (each.offset < end || each.offset % 4 != 0) return false;
    end = each.end();
  }
  return end <= std::uint32_t{1} << kRegisterAddressBits;
}
static_assert(registers_are_in_order());

}  // namespace lightmamba::accel

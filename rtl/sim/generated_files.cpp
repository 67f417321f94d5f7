#include "generated_files.h"

#include <algorithm>
#include <fmt/format.h>
#include <fmt/ranges.h>
#include <functional>
#include <string_view>

#include "accel/hardware/registers.h"
#include "accel/hardware/sizes.h"
#include "base/fail.h"
#include "base/file.h"
#include "rom_text.h"

namespace lightmamba::accel {
namespace {

constexpr const char* kRomFolder = "rtl/tables";
constexpr const char* kMemoryMap = "docs/memory-map.md";
constexpr const char* kGuide = "docs/accelerator.md";

// Lines of a constant or a row, and a comment after each, in a column of its own.
struct CommentedLine {
  std::string text, comment;
};

std::string aligned(const std::vector<CommentedLine>& lines) {
  std::size_t width = 0;
  for (const CommentedLine& line : lines) width = std::max(width, line.text.size());
  std::string text;
  for (const CommentedLine& line : lines) {
    text += fmt::format("  {:<{}}  // {}\n", line.text, width, line.comment);
  }
  return text;
}

std::string package_constant(const Constant& c) {
  if (c.bits == 0) return fmt::format("localparam int unsigned {} = {};", c.name, c.value);
  if (c.value < 0) {
    return fmt::format("localparam logic signed [{}:0] {} = -{}'sd{};", c.bits - 1, c.name, c.bits,
                       -c.value);
  }
  return fmt::format("localparam logic [{}:0] {} = {}'d{};", c.bits - 1, c.name, c.bits, c.value);
}

std::string package_text() {
  std::string text = fmt::format(
      "// The constants of the accelerator: widths (docs/numerics.md says what the numbers mean) "
      "and\n"
      "// registers ({}). rtl/sim/write_rtl.cpp has written this file from the tables of\n"
      "// src/accel/hardware.\n"
      "package lightmamba_pkg;\n\n"
      "  // No module uses all of them.\n"
      "  // verilator lint_off UNUSEDPARAM\n",
      kMemoryMap);
  for (const ConstantSection& section : kConstantSections) {
    text += fmt::format("\n  // {}\n", section.title);
    std::vector<CommentedLine> lines;
    for (const Constant& each : section.constants) {
      lines.push_back({package_constant(each), std::string(each.meaning)});
    }
    text += aligned(lines);
  }
  text += "\n  // Offsets of the registers.\n";
  std::vector<CommentedLine> lines;
  lines.reserve(kRegisters.size() + 1);
  for (const Register& each : kRegisters) {
    lines.push_back(
        {fmt::format("localparam logic [{0}:0] REG_{1} = {2}'h{3:03x};", kRegisterAddressBits - 1,
                     each.name, kRegisterAddressBits, each.offset),
         std::string(each.meaning)});
  }
  lines.push_back({fmt::format("localparam int unsigned REG_ADDRESS_STRIDE = {};", kAddressStride),
                   "from an address to the next"});
  return text + aligned(lines) + "\nendpackage\n";
}

// The parameters of the module lm_accelerator.
std::vector<std::string> core_parameters(const Hardware& h) {
  return {fmt::format("ROWS={}", h.rows),
          fmt::format("COLUMNS={}", h.columns),
          fmt::format("USE_DSP={}", h.use_dsp ? 1 : 0),
          fmt::format("WEIGHT_CHANNELS={}", h.weight_channels),
          fmt::format("WEIGHT_DEPTH={}", h.weight_depth),
          fmt::format("Z_STREAM={}", h.has_z_stream ? 1 : 0),
          fmt::format("SSM_LANES={}", h.ssm_lanes),
          fmt::format("SSM_UNITS={}", h.ssm_units),
          fmt::format("STATE_CHANNELS={}", h.state_channels),
          fmt::format("MIX_LANES={}", h.mix_lanes),
          fmt::format("OUT_LANES={}", h.out_lanes),
          fmt::format("QUEUE_DEPTH={}", h.queue_depth),
          fmt::format("CHECKPOINT_ORDER={}", h.row_order == RowOrder::checkpoint ? 1 : 0)};
}

std::string cmake_text() {
  std::string text =
      "# The sizes of the core and the parameters of each. rtl/sim/write_rtl.cpp has written this "
      "file from\n# src/accel/hardware.\n";
  std::vector<std::string_view> names;
  std::string cores;
  for (const Hardware& each : hardware_presets()) {
    names.push_back(each.name);
    cores += fmt::format("set(core_{} {})\n", each.name, fmt::join(core_parameters(each), " "));
  }
  return text + fmt::format("set(core_names {})\n", fmt::join(names, " ")) + cores;
}

// What a unit is synthesised with on its own; its parameters for a size.
struct SynthesisedUnit {
  std::string_view module;
  std::function<std::string(const Hardware&)> parameters;
};

std::vector<SynthesisedUnit> synthesised_units() {
  const auto always = [](std::string text) { return [text](const Hardware&) { return text; }; };
  return {
      {"lm_accelerator",
       [](const Hardware& h) { return fmt::format("{}", fmt::join(core_parameters(h), " ")); }},
      {"lm_htu",
       [](const Hardware& h) {
         return fmt::format("MIX_LANES={} OUT_LANES={}", h.mix_lanes, h.out_lanes);
       }},
      {"lm_quantize_unit", [](const Hardware& h) { return fmt::format("LANES={}", h.out_lanes); }},
      {"lm_ssm_unit",
       [](const Hardware& h) { return fmt::format("LANES={}", h.ssm_lanes / h.ssm_units); }},
      {"lm_conv_unit", always("LANES=1")},
      {"lm_mmu",
       [](const Hardware& h) { return fmt::format("ROWS={} COLUMNS={}", h.rows, h.columns); }},
      {"lm_silu_unit", always("LANES=1")},
      {"lm_decay_unit", always("")},
      {"lm_inverse_root_unit", always("")},
      {"lm_sum_of_squares_unit", always("LANES=1 IN_BITS=32 SHIFT=12")},
      {"lm_round_bfp8", always("LANES=1 IN_BITS=32")},
      {"lm_sums_to_bfp8", always("LANES=1")},
      {"lm_sums_to_fixed", always("LANES=1 OUT_BITS=32")},
  };
}

// Those that are built for a board; the order of the checkpoint is for comparison only.
bool is_synthesised(const Hardware& h) {
  return h.board != nullptr && h.row_order == RowOrder::hardware;
}

std::string units_text() {
  std::string text =
      "# preset | unit, which is the module | parameters. rtl/sim/write_rtl.cpp has written this "
      "file.\n";
  for (const Hardware& hardware : hardware_presets()) {
    if (!is_synthesised(hardware)) continue;
    for (const SynthesisedUnit& unit : synthesised_units()) {
      text += fmt::format("{} | {} | {}\n", hardware.name, unit.module, unit.parameters(hardware));
    }
  }
  return text;
}

// For scripts of the shell: words separated by spaces, "-" for none.
std::string presets_text() {
  std::string text =
      "# rtl/sim/write_rtl.cpp has written this file from src/accel/hardware.\n"
      "# preset tests order clock_mhz gb_per_second device lut ff bram36 uram dsp\n";
  for (const Hardware& h : hardware_presets()) {
    text += fmt::format("{} {} {}", h.name, h.is_in_every_test ? "always" : "full",
                        h.row_order == RowOrder::hardware ? "hardware" : "checkpoint");
    if (h.board == nullptr) {
      text += " - - - - - - - -\n";
    } else {
      const Board& b = *h.board;
      text += fmt::format(" {} {} {} {} {} {} {} {}\n", h.clock_mhz, b.memory_gb_per_second,
                          b.device, b.lut, b.ff, b.bram36, b.uram, b.dsp);
    }
  }
  return text;
}

std::string sizes_table() {
  std::string text =
      "| preset | ROWS x COLUMNS | weight channels (bits) | SSM units x lanes | state channels "
      "(bits) | HTU mix, out lanes |\n|---|---|---|---|---|---|\n";
  for (const Hardware& h : hardware_presets()) {
    text += fmt::format("| `{}` | {} x {} | {} ({}) | {} x {} | {} ({}) | {}, {} |\n", h.name,
                        h.rows, h.columns, h.weight_channels, 8 * h.weight_word_bytes(),
                        h.ssm_units, h.ssm_lanes / h.ssm_units, h.state_channels,
                        8 * h.state_word_bytes(), h.mix_lanes, h.out_lanes);
  }
  return text;
}

std::string boards_table() {
  std::string text =
      "| preset | multiplications a cycle | words that a weight channel reads ahead | queue of x "
      "and z | row order | board | clock, memory |\n|---|---|---|---|---|---|---|\n";
  for (const Hardware& h : hardware_presets()) {
    text +=
        fmt::format("| `{}` | {} | {} | {} | {} |", h.name, h.rows * h.columns, h.weight_depth,
                    h.queue_depth, h.row_order == RowOrder::hardware ? "hardware" : "checkpoint");
    text += h.board == nullptr ? " none, for tests | |\n"
                               : fmt::format(" {} | {} MHz, {} GB/s |\n", h.board->name,
                                             h.clock_mhz, h.board->memory_gb_per_second);
  }
  return text;
}

std::string register_offset_text(const Register& r) {
  return r.count == 1 ? fmt::format("0x{:02x}", r.offset)
                      : fmt::format("0x{:02x} + {} c", r.offset, r.stride);
}

std::string registers_table() {
  std::string text = "| offset | register | access | what |\n|---|---|---|---|\n";
  for (const Register& each : kRegisters) {
    text += fmt::format("| {} | {} | {} | {}", register_offset_text(each), each.name,
                        each.access == Access::read ? "read" : "read, write", each.meaning);
    if (each.count > 1) text += fmt::format(", c < {}", each.count);
    if (each.bits != 32) text += fmt::format("; {} bits", each.bits);
    for (const RegisterBit& bit : kRegisterBits) {
      if (bit.of == each.name) text += fmt::format("; bit {}: {}", bit.bit, bit.meaning);
    }
    text += " |\n";
  }
  return text;
}

// `text` with what stands between the markers of `name` replaced.
std::string with_part(const std::string& text, std::string_view name, const std::string& part) {
  const std::string begin = fmt::format("<!-- {}: written by write_rtl -->\n", name);
  const std::string end = fmt::format("<!-- end of {} -->\n", name);
  const std::size_t from = text.find(begin);
  const std::size_t to = text.find(end);
  if (from == std::string::npos || to == std::string::npos || to < from) {
    fail("the markers of '{}' are missing", name);
  }
  return text.substr(0, from + begin.size()) + part + text.substr(to);
}

struct Part {
  std::string_view name;
  std::string text;
};

GeneratedFile page(const std::filesystem::path& root, const char* path,
                   const std::vector<Part>& parts) {
  return with_context(path, [&] {
    std::string text = read_text_file(root / path);
    for (const Part& part : parts) text = with_part(text, part.name, part.text);
    return GeneratedFile{path, text};
  });
}

}  // namespace

std::vector<GeneratedFile> generated_files(const std::filesystem::path& root) {
  std::vector<GeneratedFile> files = {
      {"rtl/lightmamba_pkg.sv", package_text()},
      {"cmake/CoreSizes.cmake", cmake_text()},
      {"rtl/synth/units", units_text()},
      {"rtl/presets", presets_text()},
      page(root, kMemoryMap, {{"sizes", sizes_table()}, {"registers", registers_table()}}),
      page(root, kGuide, {{"presets", boards_table()}}),
  };
  for (const Rom& rom : all_roms()) {
    files.push_back({std::filesystem::path(kRomFolder) / (rom.name + ".sv"), rom_text(rom)});
  }
  return files;
}

}  // namespace lightmamba::accel

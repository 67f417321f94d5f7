// SystemVerilog of the tables of src/accel/numerics/tables.h: one ROM module for each.
#pragma once

#include <bit>
#include <cstdint>
#include <fmt/format.h>
#include <string>
#include <vector>

#include "accel/numerics/tables.h"

namespace lightmamba::accel {

// What a word of a ROM consists of, the uppermost first.
struct RomField {
  std::string name;
  int bits;
  bool is_signed = false;
};

struct Rom {
  std::string name;
  std::string comment;
  std::vector<RomField> fields;
  std::vector<std::string> ports;  // prefixes of the ports, one for each read in a cycle
  std::vector<std::uint64_t> words;
};

inline int rom_index_bits(const Rom& rom) {
  return static_cast<int>(std::bit_width(rom.words.size() - 1));
}

inline int rom_word_bits(const Rom& rom) {
  int bits = 0;
  for (const RomField& field : rom.fields) bits += field.bits;
  return bits;
}

// Entries and how much they differ from the next one.
template <typename Table>
std::vector<std::uint64_t> interpolated_words(const Table& table, int change_bits) {
  std::vector<std::uint64_t> words;
  for (std::size_t i = 0; i + 1 < table.size(); ++i) {
    const std::uint64_t change =
        table[i + 1] > table[i] ? table[i + 1] - table[i] : table[i] - table[i + 1];
    words.push_back(std::uint64_t{table[i]} << change_bits | change);
  }
  return words;
}

inline std::vector<std::uint64_t> softplus_words() {
  std::vector<std::uint64_t> words;
  for (const Tables::Softplus& entry : tables().softplus) {
    words.push_back(std::uint64_t{entry.base} << 19 | std::uint64_t{entry.rise} << 7 |
                    (static_cast<std::uint64_t>(entry.exponent) & 0x7f));
  }
  return words;
}

inline std::vector<Rom> all_roms() {
  const Tables& t = tables();
  return {
      {"lm_reciprocal_rom",
       "tables().reciprocal: round(2^26 / s) of s = 1024 + index.",
       {{"entry", 17}},
       {""},
       {t.reciprocal.begin(), t.reciprocal.end()}},
      {"lm_inverse_root_rom",
       "tables().inverse_root: round(2^16 / sqrt(f)) of f = 1 + index / 128.",
       {{"entry", 17}, {"fall", 8}},
       {""},
       interpolated_words(t.inverse_root, 8)},
      {"lm_sigmoid_rom",
       "tables().sigmoid: round(2^16 / (1 + exp(-x))) of x = index / 32 - 16.",
       {{"entry", 17}, {"rise", 10}},
       {"a_", "b_"},
       interpolated_words(t.sigmoid, 10)},
      {"lm_softplus_rom",
       "tables().softplus: log(1 + exp(x)) of x = index / 32 - 16 is entry 2^exponent.",
       {{"entry", 16}, {"rise", 12}, {"exponent", 7, true}},
       {""},
       softplus_words()},
      {"lm_decay_ratio_rom",
       "tables().decay_ratio: round(2^16 (1 - exp(-u)) / u), 32 steps in an octave of u.",
       {{"entry", 16}, {"fall", 10}},
       {""},
       interpolated_words(t.decay_ratio, 10)},
  };
}

inline std::string rom_ports(const Rom& rom) {
  std::string text = "    input  logic clk_i,\n    input  logic advance_i";
  for (const std::string& port : rom.ports) {
    text += fmt::format(",\n    input  logic [{}:0] {}index_i", rom_index_bits(rom) - 1, port);
    for (const RomField& field : rom.fields) {
      text += fmt::format(",\n    output logic {}[{}:0] {}{}_o", field.is_signed ? "signed " : "",
                          field.bits - 1, port, field.name);
    }
  }
  return text;
}

inline std::string rom_reads(const Rom& rom) {
  std::string registers, reads, outputs;
  for (const std::string& port : rom.ports) {
    registers +=
        fmt::format("  logic [{}:0] {}read_q, {}word_q;\n", rom_word_bits(rom) - 1, port, port);
    reads +=
        fmt::format("      {0}read_q <= rom[{0}index_i];\n      {0}word_q <= {0}read_q;\n", port);
    int end = rom_word_bits(rom);
    for (const RomField& field : rom.fields) {
      outputs += fmt::format("  assign {0}{1}_o = {0}word_q[{2}:{3}];\n", port, field.name, end - 1,
                             end - field.bits);
      end -= field.bits;
    }
  }
  return registers + "\n  always_ff @(posedge clk_i) begin\n    if (advance_i) begin\n" + reads +
         "    end\n  end\n\n" + outputs;
}

inline std::string rom_words(const Rom& rom) {
  std::string text = "  initial begin\n";
  for (std::size_t i = 0; i < rom.words.size(); ++i) {
    text += fmt::format("    rom[{}] = {}'h{:x};\n", i, rom_word_bits(rom), rom.words[i]);
  }
  return text + "  end\n";
}

inline std::string rom_text(const Rom& rom) {
  std::string text = fmt::format("// {}\n", rom.comment);
  text += "// rtl/sim/write_rtl.cpp has written this file. ";
  if (rom.ports.size() > 1) text += fmt::format("{} reads in a cycle; ", rom.ports.size());
  text += rom.ports.size() > 1 ? "each" : "A read";
  text += " takes two cycles.\n";
  text += fmt::format("module {} (\n{}\n);\n", rom.name, rom_ports(rom));
  text += fmt::format("  (* rom_style = \"block\" *) logic [{}:0] rom[{}];\n",
                      rom_word_bits(rom) - 1, rom.words.size());
  return text + rom_reads(rom) + "\n" + rom_words(rom) + "endmodule\n";
}

}  // namespace lightmamba::accel

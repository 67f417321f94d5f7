#include <gtest/gtest.h>

#include "Vdecay_ratio_rom.h"
#include "Vinverse_root_rom.h"
#include "Vreciprocal_rom.h"
#include "Vsigmoid_rom.h"
#include "Vsoftplus_rom.h"
#include "accel/numerics/tables.h"
#include "bits.h"
#include "clock.h"

namespace lightmamba::accel {
namespace {

// The word that `index` has selected after two cycles.
template <typename Rom>
void read(Rom& rom) {
  rom.advance_i = 1;
  tick(rom);
  tick(rom);
}

TEST(TablesRtl, ReciprocalEqualsGolden) {
  Vreciprocal_rom rom;
  for (std::size_t i = 0; i < tables().reciprocal.size(); ++i) {
    rom.index_i = static_cast<std::uint16_t>(i);
    read(rom);
    ASSERT_EQ(rom.entry_o, tables().reciprocal[i]) << i;
  }
}

TEST(TablesRtl, InverseRootEqualsGolden) {
  Vinverse_root_rom rom;
  const auto& table = tables().inverse_root;
  for (std::size_t i = 0; i + 1 < table.size(); ++i) {
    rom.index_i = static_cast<std::uint16_t>(i);
    read(rom);
    ASSERT_EQ(rom.entry_o, table[i]) << i;
    ASSERT_EQ(rom.entry_o - rom.fall_o, table[i + 1]) << i;
  }
}

TEST(TablesRtl, SigmoidEqualsGoldenOnBothPorts) {
  Vsigmoid_rom rom;
  const auto& table = tables().sigmoid;
  for (std::size_t i = 0; i + 1 < table.size(); ++i) {
    const std::size_t j = table.size() - 2 - i;
    rom.a_index_i = static_cast<std::uint16_t>(i);
    rom.b_index_i = static_cast<std::uint16_t>(j);
    read(rom);
    ASSERT_EQ(rom.a_entry_o, table[i]) << i;
    ASSERT_EQ(rom.a_entry_o + rom.a_rise_o, table[i + 1]) << i;
    ASSERT_EQ(rom.b_entry_o, table[j]) << j;
    ASSERT_EQ(rom.b_entry_o + rom.b_rise_o, table[j + 1]) << j;
  }
}

TEST(TablesRtl, SoftplusEqualsGolden) {
  Vsoftplus_rom rom;
  const auto& table = tables().softplus;
  for (std::size_t i = 0; i < table.size(); ++i) {
    rom.index_i = static_cast<std::uint16_t>(i);
    read(rom);
    ASSERT_EQ(rom.entry_o, table[i].base) << i;
    ASSERT_EQ(rom.rise_o, table[i].rise) << i;
    ASSERT_EQ(sign_extend(rom.exponent_o, 7), table[i].exponent) << i;
  }
}

TEST(TablesRtl, DecayRatioEqualsGolden) {
  Vdecay_ratio_rom rom;
  const auto& table = tables().decay_ratio;
  for (std::size_t i = 0; i + 1 < table.size(); ++i) {
    rom.index_i = static_cast<std::uint16_t>(i);
    read(rom);
    ASSERT_EQ(rom.entry_o, table[i]) << i;
    ASSERT_EQ(rom.entry_o - rom.fall_o, table[i + 1]) << i;
  }
}

}  // namespace
}  // namespace lightmamba::accel

// The tables of src/accel/hardware, and the files that are written from them.
#include <algorithm>
#include <bit>
#include <fstream>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <iterator>
#include <set>
#include <string>

#include "accel/hardware/registers.h"
#include "accel/hardware/sizes.h"
#include "generated_files.h"
#include "support/errors.h"

namespace lightmamba::accel {
namespace {

TEST(GeneratedFiles, AreWhatIsWritten) {
  const std::filesystem::path root = LIGHTMAMBA_SOURCE_DIR;
  std::set<std::string> names;
  for (const GeneratedFile& generated : generated_files(root)) {
    std::ifstream file(root / generated.path);
    const std::string text{std::istreambuf_iterator<char>(file), {}};
    EXPECT_TRUE(text == generated.text) << generated.path << ": run ./dev tables";
    EXPECT_TRUE(names.insert(generated.path).second) << generated.path;
  }
  EXPECT_THAT(names, testing::IsSupersetOf({"rtl/lightmamba_pkg.sv", "cmake/CoreSizes.cmake",
                                            "docs/memory-map.md", "rtl/presets"}));
}

TEST(GeneratedFiles, NeedTheMarkersOfAPage) {
  EXPECT_THAT(test::error_of([] { generated_files("no such folder"); }),
              testing::HasSubstr("docs/memory-map.md"));
}

bool is_power_of_two(int x) { return std::has_single_bit(static_cast<unsigned>(x)); }

// What the modules require of their parameters.
TEST(Hardware, PresetsAreSizesThatTheCoreCanHave) {
  for (const Hardware& h : hardware_presets()) {
    SCOPED_TRACE(h.name);
    EXPECT_TRUE(is_power_of_two(h.rows) && is_power_of_two(h.columns));
    EXPECT_EQ(h.rows % h.weight_channels, 0);
    EXPECT_EQ(128 % h.columns, 0);
    EXPECT_EQ(128 % h.ssm_lanes, 0);
    EXPECT_EQ(h.ssm_lanes % h.state_channels, 0);
    EXPECT_LE(h.weight_channels, 32);
    EXPECT_LE(h.state_channels, 8);
    EXPECT_TRUE(h.ssm_units == 1 || h.ssm_units == 2);
    EXPECT_EQ(h.state_channels % h.ssm_units, 0);
    EXPECT_EQ(64 % (h.ssm_lanes / h.ssm_units), 0);
    if (h.has_z_stream) {
      EXPECT_LE(h.rows, 64);
      EXPECT_EQ(h.row_order, RowOrder::hardware);
    }
    // rtl/axi_read_stream.sv: a FIFO of two bursts at least, a burst of 4096 bytes or 256 words.
    const int burst = std::min(256, 4096 / h.weight_word_bytes());
    EXPECT_TRUE(is_power_of_two(h.weight_depth));
    EXPECT_GE(h.weight_depth, 2 * burst);
    EXPECT_TRUE(is_power_of_two(h.queue_depth) && is_power_of_two(h.out_lanes));
    EXPECT_EQ(h.board == nullptr, h.clock_mhz == 0);
    EXPECT_EQ(&hardware_preset(h.name), &h);
  }
}

// A layer of the largest model has 80 x 64 channels.
TEST(Hardware, TheCheckpointsOrderHasACoreOfItsOwn) {
  for (const char* name : {"vck190", "u280"}) {
    const Hardware& hardware = hardware_preset(name);
    const Hardware& core = core_for(hardware, RowOrder::checkpoint);
    EXPECT_EQ(core.name, std::string(name) + "_checkpoint");
    EXPECT_GE(core.queue_depth, 80 * 64);
    EXPECT_TRUE(have_same_layout(core, hardware));
    EXPECT_EQ(core_for(core, RowOrder::checkpoint), core);
    EXPECT_EQ(core_for(core, RowOrder::hardware), hardware);
    EXPECT_EQ(core_for(hardware, RowOrder::hardware), hardware);
  }
  EXPECT_EQ(core_for(hardware_preset("tiny"), RowOrder::checkpoint).name, "tiny_checkpoint");
}

// Vitis fixes where these are (ap_ctrl_hs), and that arguments begin at 0x10.
TEST(Registers, AreWhereVitisHasThem) {
  EXPECT_EQ(register_named("CONTROL").offset, 0x00);
  EXPECT_EQ(register_named("GLOBAL_ENABLE").offset, 0x04);
  EXPECT_EQ(register_named("ENABLE").offset, 0x08);
  EXPECT_EQ(register_named("STATUS").offset, 0x0c);
  EXPECT_EQ(register_bit("CONTROL", "START"), 0x01);
  EXPECT_EQ(register_bit("CONTROL", "DONE"), 0x02);
  EXPECT_EQ(register_bit("CONTROL", "IDLE"), 0x04);
  EXPECT_EQ(register_bit("CONTROL", "READY"), 0x08);
  EXPECT_EQ(register_bit("CONTROL", "RESTART"), 0x80);
  for (const Register& each : kRegisters) {
    EXPECT_EQ(each.offset >= 0x10, each.offset > register_named("STATUS").offset) << each.name;
  }
}

TEST(Registers, NameTheRegistersOfTheirBits) {
  for (const RegisterBit& bit : kRegisterBits) {
    EXPECT_TRUE(std::any_of(kRegisters.begin(), kRegisters.end(), [&](const Register& each) {
      return each.name == bit.of;
    })) << bit.of;
  }
}

}  // namespace
}  // namespace lightmamba::accel

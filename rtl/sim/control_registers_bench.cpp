#include <gtest/gtest.h>
#include <map>

#include "VControlRegisters1.h"
#include "VControlRegisters32.h"
#include "clock.h"
#include "ports.h"

namespace lightmamba::accel {
namespace {

// Offsets and bits of docs/memory-map.md, a copy on purpose: the bench does not share the table.
constexpr std::uint32_t kControl = 0x00;
constexpr std::uint32_t kGlobalEnable = 0x04;
constexpr std::uint32_t kEnable = 0x08;
constexpr std::uint32_t kStatus = 0x0c;
constexpr std::uint32_t kStart = 1, kDone = 2, kIdle = 4, kReady = 8, kRestart = 0x80;
constexpr std::uint32_t kAddressSpace = 0x1000;

std::uint16_t address_port(std::uint32_t address) {
  return static_cast<std::uint16_t>(address % kAddressSpace);
}

template <typename Unit, int kWeights, int kStates>
struct Configuration {
  using Model = Unit;
  static constexpr int kWeightChannels = kWeights;
  static constexpr int kStateChannels = kStates;
};

template <typename C>
class ControlRegistersRtl : public testing::Test {
 protected:
  ControlRegistersRtl() {
    reset(unit_);
    unit_.next_token_i = 0x12345678;
    unit_.next_logit_i = 0x9abcdef0;
    unit_.errors_i = 5;
    for (int k = 0; k < 8; ++k) set_field(unit_.counters_i, 64 * k, 64, counter(k));
  }

  static std::int64_t counter(int k) { return 0x0101010203040506 * (k + 1); }

  // A cycle; done_i is 1 in it if asked.
  void tick(bool is_done = false) {
    unit_.done_i = is_done;
    settle(unit_);
    starts_ += unit_.start_o;
    rise(unit_);
    unit_.done_i = 0;
    settle(unit_);
  }

  // Address and data each come after so many cycles, and so does what takes the response.
  void write(std::uint32_t address, std::uint32_t data, std::uint8_t strobe = 15, int aw_delay = 0,
             int w_delay = 0, int b_delay = 0, bool is_done_with_it = false) {
    bool is_addressed = false, is_sent = false;
    for (int cycle = 0;; ++cycle) {
      ASSERT_LT(cycle, 100);
      unit_.s_aw_valid_i = !is_addressed && cycle >= aw_delay;
      unit_.s_w_valid_i = !is_sent && cycle >= w_delay;
      unit_.s_aw_address_i = address_port(unit_.s_aw_valid_i != 0 ? address : ~address);
      unit_.s_w_data_i = unit_.s_w_valid_i != 0 ? data : ~data;
      unit_.s_w_strobe_i = unit_.s_w_valid_i != 0 ? strobe : 15;
      unit_.s_b_ready_i = cycle >= b_delay;
      settle(unit_);
      const bool both_before = is_addressed && is_sent;
      is_addressed = is_addressed || (unit_.s_aw_valid_i != 0 && unit_.s_aw_ready_o != 0);
      is_sent = is_sent || (unit_.s_w_valid_i != 0 && unit_.s_w_ready_o != 0);
      const bool is_answered = unit_.s_b_valid_o != 0;
      if (is_answered) {
        ASSERT_TRUE(both_before);
        ASSERT_EQ(unit_.s_b_response_o, 0);
      }
      const bool is_over = is_answered && unit_.s_b_ready_i != 0;
      tick(is_done_with_it && both_before && !is_answered);
      if (is_over) break;
    }
    unit_.s_b_ready_i = 0;
    unit_.s_aw_valid_i = unit_.s_w_valid_i = 0;
    settle(unit_);
    ASSERT_FALSE(unit_.s_b_valid_o);
  }

  std::uint32_t read(std::uint32_t address, int r_delay = 0, bool is_done_with_it = false) {
    bool is_addressed = false;
    for (int cycle = 0;; ++cycle) {
      if (cycle > 100) {
        ADD_FAILURE() << "no answer";
        return 0;
      }
      unit_.s_ar_valid_i = !is_addressed;
      unit_.s_ar_address_i = address_port(is_addressed ? ~address : address);
      unit_.s_r_ready_i = cycle >= r_delay;
      settle(unit_);
      const bool before = is_addressed;
      is_addressed = is_addressed || unit_.s_ar_ready_o != 0;
      const bool is_answered = unit_.s_r_valid_o != 0;
      const std::uint32_t data = unit_.s_r_data_o;
      EXPECT_TRUE(!is_answered || unit_.s_r_response_o == 0);
      const bool is_over = is_answered && unit_.s_r_ready_i != 0;
      tick(is_done_with_it && before && !is_answered);
      if (is_over) {
        unit_.s_ar_valid_i = unit_.s_r_ready_i = 0;
        settle(unit_);
        return data;
      }
    }
  }

  int take_starts() {
    const int starts = starts_;
    starts_ = 0;
    return starts;
  }

  // Offsets of the registers that hold what is written, and the bits they have.
  static std::map<std::uint32_t, std::uint32_t> arguments() {
    std::map<std::uint32_t, std::uint32_t> registers = {{0x10, ~0u}, {0x18, ~0u}, {0x20, 3}};
    const auto add = [&](std::uint32_t offset) {
      registers[offset] = ~0u;
      registers[offset + 4] = ~0u;
    };
    for (const std::uint32_t offset : {0x28, 0x34, 0x40, 0x4c}) add(offset);
    for (int c = 0; c < C::kStateChannels; ++c) add(static_cast<std::uint32_t>(0x58 + 12 * c));
    for (int c = 0; c < C::kWeightChannels; ++c) add(static_cast<std::uint32_t>(0xb8 + 12 * c));
    return registers;
  }

  RandomNumbers random_{1};
  typename C::Model unit_;
  int starts_ = 0;
};

using Configurations = testing::Types<Configuration<VControlRegisters1, 1, 1>,
                                      Configuration<VControlRegisters32, 32, 8>>;
TYPED_TEST_SUITE(ControlRegistersRtl, Configurations);

TYPED_TEST(ControlRegistersRtl, HoldsArguments) {
  const auto registers = this->arguments();
  std::map<std::uint32_t, std::uint32_t> expected;
  for (const auto& [offset, bits] : registers) {
    EXPECT_EQ(this->read(offset), 0u) << offset;
    expected[offset] = 0;
  }
  for (int i = 0; i < 2000; ++i) {
    auto at = registers.begin();
    std::advance(at, this->random_.below(registers.size()));
    const auto [offset, bits] = *at;
    const auto data = static_cast<std::uint32_t>(this->random_.below(std::uint64_t{1} << 32));
    const auto strobe =
        static_cast<std::uint8_t>(this->random_.chance(50) ? 15 : this->random_.below(16));
    std::uint32_t mask = 0;
    for (int byte = 0; byte < 4; ++byte) {
      if ((strobe >> byte & 1) != 0) mask |= 0xffu << (8 * byte);
    }
    expected[offset] = ((expected[offset] & ~mask) | (data & mask)) & bits;
    const auto delay = [&] { return static_cast<int>(this->random_.below(4)); };
    this->write(offset, data, strobe, delay(), delay(), delay());
    auto other = registers.begin();
    std::advance(other, this->random_.below(registers.size()));
    EXPECT_EQ(this->read(other->first, delay()), expected[other->first]) << other->first;
    EXPECT_EQ(this->read(offset, delay()), expected[offset]) << offset;
  }
  auto& unit = this->unit_;
  EXPECT_EQ(unit.token_o, expected[0x10]);
  EXPECT_EQ(unit.position_o, expected[0x18]);
  EXPECT_EQ(unit.flags_o, expected[0x20]);
  const auto address = [&](std::uint32_t offset) {
    return std::uint64_t{expected[offset + 4]} << 32 | expected[offset];
  };
  EXPECT_EQ(unit.params_address_o, address(0x28));
  EXPECT_EQ(unit.embedding_address_o, address(0x34));
  EXPECT_EQ(unit.conv_state_address_o, address(0x40));
  EXPECT_EQ(unit.logits_address_o, address(0x4c));
  for (int c = 0; c < TypeParam::kStateChannels; ++c) {
    EXPECT_EQ(get_field(unit.state_address_o, 64 * c, 64),
              address(static_cast<std::uint32_t>(0x58 + 12 * c)));
  }
  for (int c = 0; c < TypeParam::kWeightChannels; ++c) {
    EXPECT_EQ(get_field(unit.weights_address_o, 64 * c, 64),
              address(static_cast<std::uint32_t>(0xb8 + 12 * c)));
  }
  EXPECT_EQ(this->take_starts(), 0);
}

TYPED_TEST(ControlRegistersRtl, GivesResults) {
  EXPECT_EQ(this->read(0x240), 0x12345678u);
  EXPECT_EQ(this->read(0x244), 0x9abcdef0u);
  EXPECT_EQ(this->read(0x248), 5u);
  for (int k = 0; k < 8; ++k) {
    const auto counter = static_cast<std::uint64_t>(this->counter(k));
    const auto offset = static_cast<std::uint32_t>(0x250 + 8 * k);
    EXPECT_EQ(this->read(offset), counter & 0xffffffff) << k;
    EXPECT_EQ(this->read(offset + 4), counter >> 32) << k;
  }
}

TYPED_TEST(ControlRegistersRtl, ReadsZeroWhereNothingIs) {
  auto known = this->arguments();
  for (const std::uint32_t offset : {kControl, kGlobalEnable, kEnable, kStatus}) known[offset] = 0;
  for (std::uint32_t offset = 0x240; offset < 0x24c; offset += 4) known[offset] = 0;
  for (std::uint32_t offset = 0x250; offset < 0x290; offset += 4) known[offset] = 0;
  for (std::uint32_t offset = 0; offset < kAddressSpace; offset += 4) {
    if (known.contains(offset)) continue;
    this->write(offset, ~0u);
    EXPECT_EQ(this->read(offset), 0u) << offset;
  }
  for (const auto& [offset, bits] : this->arguments()) EXPECT_EQ(this->read(offset), 0u) << offset;
  EXPECT_EQ(this->read(kControl), kIdle);
  EXPECT_EQ(this->take_starts(), 0);
}

TYPED_TEST(ControlRegistersRtl, StartsAndIsDone) {
  EXPECT_EQ(this->read(kControl), kIdle);
  for (int i = 0; i < 3; ++i) {
    this->write(kControl, kStart);
    EXPECT_EQ(this->take_starts(), 1);
    EXPECT_EQ(this->read(kControl), kStart);
    this->write(kControl, 0);  // does not take the start back
    EXPECT_EQ(this->read(kControl), kStart);
    this->tick(true);
    for (int idle = 0; idle < 5; ++idle) this->tick();
    EXPECT_EQ(this->read(kControl, 3), kDone | kIdle | kReady);
    EXPECT_EQ(this->read(kControl), kIdle);  // cleared by the read
    EXPECT_EQ(this->take_starts(), 0);
  }
  this->write(kControl, kStart, 14);  // without its byte
  EXPECT_EQ(this->read(kControl), kIdle);
}

TYPED_TEST(ControlRegistersRtl, KeepsDoneThatMeetsItsRead) {
  this->write(kControl, kStart);
  EXPECT_EQ(this->read(kControl, 0, true) & kDone, 0u);
  EXPECT_EQ(this->read(kControl), kDone | kIdle | kReady);
}

TYPED_TEST(ControlRegistersRtl, KeepsAStartThatMeetsDone) {
  this->write(kControl, kStart);
  this->write(kControl, kStart, 15, 0, 0, 0, true);
  EXPECT_EQ(this->take_starts(), 2);
  EXPECT_EQ(this->read(kControl), kStart | kDone | kReady);
}

TYPED_TEST(ControlRegistersRtl, Restarts) {
  this->write(kControl, kStart | kRestart);
  EXPECT_EQ(this->take_starts(), 1);
  for (int i = 0; i < 3; ++i) {
    this->tick(true);
    this->tick();
    EXPECT_EQ(this->take_starts(), 1);
    EXPECT_EQ(this->read(kControl), kStart | kDone | kReady | kRestart);
  }
  this->write(kControl, 0);
  this->tick(true);
  this->tick();
  EXPECT_EQ(this->take_starts(), 0);
  EXPECT_EQ(this->read(kControl), kIdle | kDone | kReady);
}

TYPED_TEST(ControlRegistersRtl, Interrupts) {
  auto& unit = this->unit_;
  const auto run = [&] {
    this->write(kControl, kStart);
    this->tick(true);
    this->tick();
  };
  run();  // nothing is enabled, so nothing is kept
  EXPECT_EQ(this->read(kStatus), 0u);
  for (const std::uint32_t enabled : {1u, 2u, 3u}) {
    this->write(kEnable, enabled);
    this->write(kGlobalEnable, 0);
    EXPECT_EQ(this->read(kEnable), enabled);
    run();
    EXPECT_EQ(this->read(kStatus), enabled);
    EXPECT_FALSE(unit.interrupt_o);
    this->write(kGlobalEnable, 1);
    EXPECT_EQ(this->read(kGlobalEnable), 1u);
    EXPECT_TRUE(unit.interrupt_o);
    EXPECT_EQ(this->read(kStatus), enabled);  // reading does not clear
    this->write(kStatus, enabled);
    EXPECT_EQ(this->read(kStatus), 0u);
    EXPECT_FALSE(unit.interrupt_o);
    this->write(kStatus, 1);  // a 1 toggles
    EXPECT_EQ(this->read(kStatus), 1u);
    EXPECT_TRUE(unit.interrupt_o);
    this->write(kStatus, 1);
    this->write(kStatus, 3, 14);
    EXPECT_EQ(this->read(kStatus), 0u);
    run();
    EXPECT_TRUE(unit.interrupt_o);
    this->write(kStatus, enabled);
  }
  this->write(kControl, kStart);
  this->write(kStatus, 3, 15, 0, 0, 0, true);  // in the cycle of done, done counts
  EXPECT_EQ(this->read(kStatus), 3u);
}

TYPED_TEST(ControlRegistersRtl, WorksAgainAfterReset) {
  this->write(kControl, kStart | kRestart);
  this->write(kGlobalEnable, 1);
  this->write(kEnable, 3);
  this->write(0x10, 77);
  this->tick(true);
  reset(this->unit_);
  this->take_starts();
  EXPECT_EQ(this->read(kControl), kIdle);
  EXPECT_EQ(this->read(kGlobalEnable) + this->read(kEnable) + this->read(kStatus), 0u);
  EXPECT_EQ(this->read(0x10), 0u);
  this->write(kControl, kStart);
  EXPECT_EQ(this->take_starts(), 1);
}

}  // namespace
}  // namespace lightmamba::accel

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <lightmamba/error.h>

#include "axi_memory.h"
#include "axi_ranges.h"

namespace lightmamba::accel {
namespace {

constexpr std::uint64_t kReadOnlyAddress = 0x10000;
constexpr std::uint64_t kWritableAddress = 0x40000;
constexpr std::size_t kRegionBytes = 0x8000;

class AxiMemoryTest : public testing::Test {
 protected:
  AxiMemory make(const AxiMemoryOptions& options) {
    AxiMemory memory(options);
    memory.add_read_only(kReadOnlyAddress, constant_);
    memory.add_writable(kWritableAddress, variable_);
    return memory;
  }

  RandomNumbers random_{1};
  std::vector<std::byte> constant_ = random_bytes(random_, kRegionBytes);
  std::vector<std::byte> variable_ = random_bytes(random_, kRegionBytes);
};

// Asks for one burst after the other and takes all that comes.
void keep_reading(AxiReadPort& port, int width, int beats) {
  port.ar_valid = true;
  port.ar_address = kReadOnlyAddress;
  port.ar_length = static_cast<std::uint8_t>(beats - 1);
  port.r_ready = true;
  ASSERT_LE(width * beats, 4096);
}

// Writes one burst after the other, to its own part of the region.
class Writing {
 public:
  Writing(AxiWritePort& port, int beats, std::uint64_t offset) : port_(port), beats_(beats) {
    port.aw_valid = true;
    port.aw_address = kWritableAddress + offset;
    port.aw_length = static_cast<std::uint8_t>(beats - 1);
    port.w_valid = true;
    port.w_data = word_;
    port.b_ready = true;
    port.w_last = beats == 1;
  }
  void before_cycle() {
    if (port_.w_ready) beat_ = beat_ + 1 == beats_ ? 0 : beat_ + 1;
  }
  void after_cycle() { port_.w_last = beat_ + 1 == beats_; }

 private:
  AxiWritePort& port_;
  int beats_;
  int beat_ = 0;
  std::byte word_[128] = {};
};

TEST_F(AxiMemoryTest, AnswersAfterTheLatency) {
  for (const int latency : {1, 2, 100}) {
    AxiMemory memory = make({.latency = latency});
    AxiReadPort& read = memory.add_read_port("read", 8);
    AxiWritePort& write = memory.add_write_port("write", 8);
    memory.cycle();
    ASSERT_TRUE(read.ar_ready && write.aw_ready);
    read.ar_valid = read.r_ready = true;
    read.ar_address = kReadOnlyAddress;
    std::byte word[8] = {std::byte{7}};
    write.aw_valid = write.w_valid = write.w_last = write.b_ready = true;
    write.aw_address = kWritableAddress;
    write.w_data = word;
    const std::int64_t asked = memory.cycles();
    std::int64_t data_seen = -1, word_sent = -1, response_seen = -1;
    for (int i = 0; i < latency + 10; ++i) {
      if (read.r_valid) data_seen = memory.cycles();
      if (write.w_valid && write.w_ready) word_sent = memory.cycles();
      if (write.b_valid) response_seen = memory.cycles();
      memory.cycle();
      read.ar_valid = write.aw_valid = false;
      if (word_sent >= 0) write.w_valid = false;
    }
    EXPECT_EQ(data_seen, asked + latency);
    EXPECT_EQ(word_sent, asked + 1);
    EXPECT_EQ(response_seen, word_sent + latency);
    EXPECT_EQ(variable_[0], std::byte{7});
    EXPECT_EQ(memory.bytes_read(), 8);
    EXPECT_EQ(memory.bytes_written(), 8);
    EXPECT_TRUE(memory.is_idle());
    EXPECT_EQ(memory.errors(), std::vector<std::string>{});
  }
}

TEST_F(AxiMemoryTest, GivesABeatInEveryCycle) {
  AxiMemory memory = make({});
  keep_reading(memory.add_read_port("read", 64), 64, 16);
  Writing writing(memory.add_write_port("write", 16), 8, 0);
  constexpr int kCycles = 10'000;
  for (int i = 0; i < kCycles; ++i) {
    writing.before_cycle();
    memory.cycle();
    writing.after_cycle();
  }
  EXPECT_GE(memory.bytes_read(), 64 * (kCycles - 110));
  EXPECT_GE(memory.bytes_written(), 16 * (kCycles - 110));
  EXPECT_EQ(memory.errors(), std::vector<std::string>{});
}

TEST_F(AxiMemoryTest, SharesTheBandwidth) {
  for (const double limit : {30.0, 7.3, 200.0, 500.5}) {
    for (const int stall_percent : {0, 20}) {
      AxiMemory memory = make({.bytes_per_cycle = limit, .stall_percent = stall_percent});
      constexpr std::size_t kReaders = 14;
      constexpr std::size_t kWriters = 2;
      for (std::size_t i = 0; i < kReaders; ++i) {
        keep_reading(memory.add_read_port("read", 64), 64, 16);
      }
      std::vector<Writing> writing;
      for (std::size_t i = 0; i < kWriters; ++i) {
        writing.emplace_back(memory.add_write_port("write", 64), 16, 4096 * i);
      }
      constexpr int kCycles = 100'000;
      for (int i = 0; i < kCycles; ++i) {
        for (Writing& writer : writing) writer.before_cycle();
        memory.cycle();
        for (Writing& writer : writing) writer.after_cycle();
      }
      const double all = limit * kCycles;
      const auto bytes = static_cast<double>(memory.bytes_read() + memory.bytes_written());
      EXPECT_NEAR(bytes, all, 0.01 * all) << limit;
      EXPECT_EQ(memory.errors(), std::vector<std::string>{});
      if (stall_percent != 0) continue;  // chance decides who gets a little more
      const double share = all / (kReaders + kWriters);
      for (std::size_t i = 0; i < kReaders; ++i) {
        EXPECT_NEAR(static_cast<double>(memory.bytes_read(i)), share, 0.01 * share) << i;
      }
      for (std::size_t i = 0; i < kWriters; ++i) {
        EXPECT_NEAR(static_cast<double>(memory.bytes_written(i)), share, 0.01 * share) << i;
      }
    }
  }
}

TEST_F(AxiMemoryTest, SharesBeatsOfDifferentWidths) {
  AxiMemory memory = make({.bytes_per_cycle = 20});
  const int widths[] = {4, 128, 8, 64};
  for (const int width : widths) keep_reading(memory.add_read_port("read", width), width, 16);
  for (int i = 0; i < 100'000; ++i) memory.cycle();
  for (std::size_t i = 0; i < std::size(widths); ++i) {
    const double beats = 100'000 * 20.0 / (4 + 128 + 8 + 64);
    EXPECT_NEAR(static_cast<double>(memory.bytes_read(i)), beats * widths[i],
                0.01 * beats * widths[i]);
  }
}

TEST_F(AxiMemoryTest, LimitsAPort) {
  AxiMemory memory = make({.bytes_per_port_cycle = 28.125});
  keep_reading(memory.add_read_port("read", 64), 64, 16);
  keep_reading(memory.add_read_port("narrow", 16), 16, 16);
  Writing writing(memory.add_write_port("write", 32), 8, 0);
  constexpr int kCycles = 100'000;
  for (int i = 0; i < kCycles; ++i) {
    writing.before_cycle();
    memory.cycle();
    writing.after_cycle();
  }
  EXPECT_NEAR(static_cast<double>(memory.bytes_read(0)), 28.125 * kCycles, 281.25 * kCycles / 1000);
  EXPECT_NEAR(static_cast<double>(memory.bytes_read(1)), 16.0 * kCycles, 160.0 * kCycles / 1000);
  EXPECT_NEAR(static_cast<double>(memory.bytes_written(0)), 28.125 * kCycles,
              281.25 * kCycles / 1000);
}

TEST_F(AxiMemoryTest, RefusesWhatNoMemoryAllows) {
  struct Case {
    std::uint64_t address;
    std::uint8_t length, size, burst;
    const char* error;  // error of a read; null if only writing is refused
  };
  const Case cases[] = {
      {kReadOnlyAddress + 4, 0, 3, 1, "the address is no multiple of 8"},
      {kReadOnlyAddress + 0xff8, 1, 3, 1, "crosses 4 KiB"},
      {kReadOnlyAddress, 3, 2, 1, "beats of 4 bytes at a port of 8"},
      {kReadOnlyAddress, 3, 3, 0, "the burst does not increment"},
      {kReadOnlyAddress - 8, 0, 3, 1, "outside of all regions"},
      {kReadOnlyAddress + kRegionBytes, 0, 3, 1, "outside of all regions"},
      {kReadOnlyAddress, 0, 3, 1, nullptr},
      {0, 255, 3, 1, "outside of all regions"},
      {~std::uint64_t{0} - 7, 0, 3, 1, "outside of all regions"},
  };
  for (const Case& bad : cases) {
    AxiMemory memory = make({.latency = 3});
    AxiReadPort& read = memory.add_read_port("read", 8);
    AxiWritePort& write = memory.add_write_port("write", 8);
    std::byte word[8] = {};
    memory.cycle();
    read.ar_valid = read.r_ready = write.aw_valid = write.w_valid = write.b_ready = true;
    read.ar_address = write.aw_address = bad.address;
    read.ar_length = write.aw_length = bad.length;
    read.ar_size = write.aw_size = bad.size;
    read.ar_burst = write.aw_burst = bad.burst;
    write.w_data = word;
    int beats = 0, words = 0, responses = 0;
    const std::vector<std::byte> before = constant_;
    for (int i = 0; i < 1000; ++i) {
      write.w_valid = words <= bad.length;
      write.w_last = words == bad.length;
      if (write.w_valid && write.w_ready) ++words;
      if (read.r_valid) {
        ++beats;
        EXPECT_EQ(read.r_response, bad.error != nullptr ? kAxiSlaveError : kAxiOkay);
        EXPECT_EQ(read.r_last, beats == bad.length + 1);
      }
      if (write.b_valid) {
        ++responses;
        EXPECT_EQ(write.b_response, kAxiSlaveError);
      }
      memory.cycle();
      read.ar_valid = write.aw_valid = false;
    }
    EXPECT_EQ(beats, bad.length + 1);
    EXPECT_EQ(responses, 1);
    EXPECT_EQ(constant_, before);
    std::vector<std::string> errors;
    const auto text = [&](const char* port, const char* reason) {
      return fmt::format("cycle 1: {}: {} beats at {:#x}: {}", port, bad.length + 1, bad.address,
                         reason);
    };
    if (bad.error != nullptr) errors.push_back(text("read AR", bad.error));
    errors.push_back(
        text("write AW", bad.error != nullptr ? bad.error : "the region may not be written"));
    EXPECT_EQ(memory.errors(), errors);
    EXPECT_EQ(memory.error_count(), static_cast<std::int64_t>(errors.size()));
  }
}

TEST_F(AxiMemoryTest, TellsOfUndefinedOrder) {
  struct Case {
    std::uint64_t read, write;  // offsets of bursts of 4 words
    bool is_write_first;
    int between;  // cycles
    bool is_error;
  };
  const Case cases[] = {{0, 0, true, 5, true},    {24, 0, true, 5, true},  {32, 0, true, 5, false},
                        {0, 0, true, 50, false},  {0, 24, false, 5, true}, {0, 32, false, 5, false},
                        {0, 0, false, 13, false},  // the first word has come, the others have not
                        {0, 0, false, 50, false}};
  for (const Case& c : cases) {
    AxiMemory memory = make({.latency = 10});
    AxiReadPort& read = memory.add_read_port("read", 8);
    AxiWritePort& write = memory.add_write_port("write", 8);
    std::byte word[8] = {};
    write.w_data = word;
    write.w_valid = read.r_ready = write.b_ready = true;
    read.ar_address = kWritableAddress + c.read;
    write.aw_address = kWritableAddress + c.write;
    read.ar_length = 3;
    write.aw_length = c.between == 13 ? 0 : 3;
    memory.cycle();
    int words = 0;
    for (int i = 0; i < 100; ++i) {
      read.ar_valid = i == (c.is_write_first ? c.between : 0);
      write.aw_valid = i == (c.is_write_first ? 0 : c.between);
      write.w_valid = words <= write.aw_length;
      write.w_last = words == write.aw_length;
      if (write.w_valid && write.w_ready) ++words;
      memory.cycle();
    }
    EXPECT_EQ(memory.error_count(), c.is_error ? 1 : 0) << c.read << ' ' << c.write;
  }
}

TEST_F(AxiMemoryTest, TellsOfBrokenHandshakes) {
  AxiMemory memory = make({.latency = 1});
  AxiReadPort& read = memory.add_read_port("read", 8);
  AxiWritePort& write = memory.add_write_port("write", 8);
  std::byte word[8] = {};
  write.w_data = word;
  read.ar_valid = write.w_valid = true;
  read.ar_address = kReadOnlyAddress;
  memory.cycle();
  read.ar_valid = write.w_valid = false;
  memory.cycle();
  EXPECT_EQ(memory.errors(),
            (std::vector<std::string>{"cycle 1: read AR: 1 beats at 0x10000: changed before ready",
                                      "cycle 1: write W: valid fell before ready"}));
  write.aw_valid = write.w_valid = true;  // without last
  write.aw_address = kWritableAddress;
  memory.cycle();
  write.aw_valid = false;
  memory.cycle();
  EXPECT_EQ(memory.errors().back(),
            "cycle 3: write W: 1 beats at 0x40000: last is false in beat 0");
}

TEST_F(AxiMemoryTest, ForgetsBurstsAtReset) {
  AxiMemory memory = make({.latency = 10});
  AxiReadPort& read = memory.add_read_port("read", 64);
  keep_reading(read, 64, 16);
  for (int i = 0; i < 20; ++i) memory.cycle();
  memory.reset();
  EXPECT_TRUE(memory.is_idle());
  EXPECT_FALSE(read.r_valid || read.ar_ready);
  read.ar_valid = false;
  for (int i = 0; i < 100; ++i) {
    memory.cycle();
    EXPECT_FALSE(read.r_valid);
  }
  EXPECT_EQ(memory.error_count(), 0);
}

TEST_F(AxiMemoryTest, RejectsWhatItCannotBe) {
  EXPECT_THROW(make({.latency = 0}), Error);
  EXPECT_THROW(make({.stall_percent = 100}), Error);
  EXPECT_THROW(make({.outstanding = 0}), Error);
  AxiMemory memory = make({});
  EXPECT_THROW(memory.add_read_port("read", 12), Error);
  EXPECT_THROW(memory.add_write_port("write", 256), Error);
  EXPECT_THROW(memory.add_read_only(kReadOnlyAddress + kRegionBytes - 1, constant_), Error);
}

}  // namespace
}  // namespace lightmamba::accel

#include <algorithm>
#include <cstring>
#include <gtest/gtest.h>

#include "VAxiWrite1024.h"
#include "VAxiWrite256.h"
#include "VAxiWrite32.h"
#include "VAxiWrite512.h"
#include "VAxiWrite64.h"
#include "VAxiWriteLeast.h"
#include "axi_memory.h"
#include "axi_ports.h"
#include "axi_ranges.h"
#include "clocked.h"

namespace lightmamba::accel {
namespace {

template <typename Unit, int kWordBits, int kFifoDepth, int kBurstWords>
struct Configuration {
  using Model = Unit;
  static constexpr std::size_t kWordBytes = kWordBits / 8;
  static constexpr std::size_t kDepth = kFifoDepth;
  static constexpr std::size_t kBurst = kBurstWords;
};

template <typename C>
class AxiWriteStreamRtl : public testing::Test {
 protected:
  AxiWriteStreamRtl() { reset(unit_); }

  struct Work {
    std::vector<AxiRange> ranges;
    AxiMemoryOptions memory;
    int start_stalls = 0;
    int word_stalls = 0;
    std::int64_t first_start = 0;        // the cycle of the first range
    std::int64_t first_word = 0;         // and of the first word
    std::size_t writable = kImageBytes;  // bytes of the image that there are
    std::size_t words() const {
      std::size_t words = 0;
      for (const AxiRange& range : ranges) words += range.words;
      return words;
    }
  };

  struct Outcome {
    std::size_t bursts = 0;
    std::size_t errors = 0;        // pulses of error_o
    std::int64_t first_cycle = 0;  // first cycle with a word on the bus
    std::int64_t last_cycle = 0;
    std::vector<std::string> refused;
  };

  std::vector<AxiRange> random_ranges(int count, std::size_t max) {
    std::vector<AxiRange> ranges;
    for (int i = 0; i < count; ++i) {
      ranges.push_back(random_range(random_, C::kWordBytes, max));
    }
    return ranges;
  }

  // Runs until the unit is idle after all words, or until `cycles` have passed; then compares the
  // image with the expected one.
  Outcome run(const Work& work, std::int64_t cycles = -1) {
    std::vector<std::byte> image = random_bytes(random_, kImageBytes);
    std::vector<std::byte> expected = image;
    const std::size_t words = work.words();
    const std::vector<std::byte> data = random_bytes(random_, words * C::kWordBytes);
    AxiMemory memory(work.memory);
    memory.add_writable(kImageAddress, std::span(image).first(work.writable));
    AxiWritePort& port = memory.add_write_port("stream", C::kWordBytes);
    Outcome outcome;
    Source starts(work.ranges.size(), work.start_stalls);
    Source source(words, work.word_stalls);
    std::size_t started = 0, sent = 0, written = 0;  // words
    for (std::int64_t cycle = 0; cycles < 0 || cycle < cycles; ++cycle) {
      if (cycle > 10'000'000) {
        ADD_FAILURE() << "hangs after " << written << " of " << words << " words";
        break;
      }
      unit_.start_valid_i = cycle >= work.first_start && starts.offers(random_);
      if (unit_.start_valid_i != 0) {
        unit_.start_address_i = work.ranges[starts.beat()].address();
        unit_.start_words_i = static_cast<std::uint32_t>(work.ranges[starts.beat()].words);
      }
      unit_.valid_i = cycle >= work.first_word && source.offers(random_);
      if (unit_.valid_i != 0) {
        std::memcpy(bytes_of(unit_.data_i), &data[source.beat() * C::kWordBytes], C::kWordBytes);
      }
      drive(port, unit_);
      settle(unit_);
      sample(unit_, port);
      outcome.errors += unit_.error_o;
      EXPECT_TRUE(port.b_ready);
      if (port.aw_valid && port.aw_ready) {
        sent += port.aw_length + std::size_t{1};
        ++outcome.bursts;
      }
      if (port.aw_valid) {
        EXPECT_LE(sent + (port.aw_ready ? 0 : port.aw_length + std::size_t{1}), source.beat())
            << "an address before its words";
      }
      if (port.w_valid) {
        EXPECT_EQ(std::memcmp(port.w_data, &data[written * C::kWordBytes], C::kWordBytes), 0)
            << "word " << written;
        if (port.w_ready) {
          if (written++ == 0) outcome.first_cycle = cycle;
          outcome.last_cycle = cycle;
        }
      }
      if (unit_.idle_o != 0) {
        EXPECT_TRUE(memory.is_idle() && written == source.beat() && written == started);
        if (starts.is_done() && source.is_done()) break;
      }
      if (unit_.start_valid_i != 0 && unit_.start_ready_o != 0) {
        started += work.ranges[starts.beat()].words;
      }
      starts.clocked(unit_.start_ready_o != 0, cycle);
      source.clocked(unit_.ready_o != 0, cycle);
      memory.cycle();
      rise(unit_);
    }
    outcome.refused = memory.errors();
    if (cycles >= 0) return outcome;
    EXPECT_EQ(written, words);
    std::size_t word = 0;
    for (const AxiRange& range : work.ranges) {
      std::memcpy(&expected[range.offset], &data[word * C::kWordBytes],
                  range.words * C::kWordBytes);
      word += range.words;
    }
    EXPECT_TRUE(std::equal(image.begin(),
                           image.begin() + static_cast<std::ptrdiff_t>(work.writable),
                           expected.begin()));
    return outcome;
  }

  void check(const Work& work) {
    const Outcome outcome = run(work);
    std::size_t bursts = 0;
    for (const AxiRange& range : work.ranges) bursts += bursts_of(range, C::kWordBytes, C::kBurst);
    EXPECT_EQ(outcome.bursts, bursts);
    EXPECT_EQ(outcome.errors, 0u);
    EXPECT_EQ(outcome.refused, std::vector<std::string>{});
  }

  RandomNumbers random_{1};
  typename C::Model unit_;
};

using Configurations = testing::Types<
    Configuration<VAxiWriteLeast, 64, 4, 2>, Configuration<VAxiWrite32, 32, 512, 256>,
    Configuration<VAxiWrite64, 64, 64, 16>, Configuration<VAxiWrite256, 256, 256, 128>,
    Configuration<VAxiWrite512, 512, 128, 64>, Configuration<VAxiWrite1024, 1024, 128, 32>>;
TYPED_TEST_SUITE(AxiWriteStreamRtl, Configurations);

TYPED_TEST(AxiWriteStreamRtl, WritesAnyRange) {
  std::uint64_t seed = 0;
  for (const int latency : {1, 13, 150}) {
    for (const int memory_stalls : {0, 20, 70}) {
      for (const int unit_stalls : {0, 20, 70}) {
        typename TestFixture::Work work;
        work.ranges = this->random_ranges(30, 3 * TypeParam::kBurst);
        work.memory.latency = latency;
        work.memory.stall_percent = memory_stalls;
        work.memory.seed = ++seed;
        work.start_stalls = unit_stalls;
        work.word_stalls = unit_stalls;
        this->check(work);
      }
    }
  }
}

TYPED_TEST(AxiWriteStreamRtl, TakesRangesAndWordsInAnyOrder) {
  for (const bool is_word_first : {false, true}) {
    typename TestFixture::Work work;
    work.ranges = this->random_ranges(20, 3 * TypeParam::kBurst);
    (is_word_first ? work.first_start : work.first_word) = 2000;
    this->check(work);
  }
}

TYPED_TEST(AxiWriteStreamRtl, EndsWhereARangeEnds) {
  typename TestFixture::Work work;
  work.memory.latency = 5;
  constexpr std::size_t kStep = TypeParam::kBurst > 32 ? 15 : 1;
  for (std::size_t first = 0; first < TypeParam::kBurst; first += kStep) {
    for (std::size_t end = first + 1; end <= first + 2 * TypeParam::kBurst; end += kStep) {
      work.ranges.push_back({first * TypeParam::kWordBytes, end - first});
    }
  }
  this->check(work);
}

TYPED_TEST(AxiWriteStreamRtl, WritesAWordInEveryCycle) {
  if (TypeParam::kBurst < 16) GTEST_SKIP() << "the FIFO is too small";
  // The first burst starts a block, so that none after it is longer.
  for (const std::size_t max : {std::size_t{1}, std::size_t{3}, 5 * TypeParam::kBurst}) {
    typename TestFixture::Work work;
    work.ranges = this->random_ranges(200, max);
    work.ranges[0] = {0, TypeParam::kBurst};
    work.memory.latency = 150;
    work.memory.outstanding = 256;
    const auto outcome = this->run(work);
    EXPECT_EQ(outcome.last_cycle - outcome.first_cycle + 1, static_cast<std::int64_t>(work.words()))
        << "ranges of " << max;
    EXPECT_LE(outcome.first_cycle, static_cast<std::int64_t>(TypeParam::kBurst) + 8);
  }
}

TYPED_TEST(AxiWriteStreamRtl, AwaitsManyResponses) {
  typename TestFixture::Work work;
  work.ranges = this->random_ranges(512, 1);
  for (AxiRange& range : work.ranges) range.words = 1;
  work.memory.latency = 1000;
  work.memory.outstanding = 1024;
  this->check(work);
}

TYPED_TEST(AxiWriteStreamRtl, TellsErrors) {
  typename TestFixture::Work work;
  work.writable = kImageBytes / 2;
  work.memory.stall_percent = 20;
  const std::size_t block = TypeParam::kBurst * TypeParam::kWordBytes;
  work.ranges = {{0, 5}, {kImageBytes / 2 - block, 4 * TypeParam::kBurst}, {8 * block, 3}};
  const auto outcome = this->run(work);
  EXPECT_EQ(outcome.errors, 3u);
  EXPECT_EQ(outcome.refused.size(), 3u);
}

TYPED_TEST(AxiWriteStreamRtl, WorksAgainAfterReset) {
  for (const std::int64_t cycles : {1, 3, 7, 30, 160, 300}) {
    typename TestFixture::Work work;
    work.ranges = this->random_ranges(20, 3 * TypeParam::kBurst);
    work.memory.stall_percent = 20;
    this->run(work, cycles);
    reset(this->unit_);
    this->check(work);
  }
}

}  // namespace
}  // namespace lightmamba::accel

#include <algorithm>
#include <cstring>
#include <gtest/gtest.h>

#include "VAxiRead1024.h"
#include "VAxiRead256.h"
#include "VAxiRead32.h"
#include "VAxiRead512.h"
#include "VAxiRead64.h"
#include "VAxiReadLeast.h"
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
  static constexpr int kDepth = kFifoDepth;
  static constexpr std::size_t kBurst = kBurstWords;
};

template <typename C>
class AxiReadStreamRtl : public testing::Test {
 protected:
  AxiReadStreamRtl() : image_(random_bytes(random_, kImageBytes)) { reset(unit_); }

  struct Work {
    std::vector<AxiRange> ranges;
    AxiMemoryOptions memory;
    int start_stalls = 0;
    int sink_stalls = 0;
    bool is_ready_late = false;          // not before a word is valid
    std::size_t readable = kImageBytes;  // bytes of the image that there are
    std::size_t words() const {
      std::size_t words = 0;
      for (const AxiRange& range : ranges) words += range.words;
      return words;
    }
  };

  struct Outcome {
    std::size_t words = 0;
    std::size_t bursts = 0;
    std::size_t errors = 0;        // pulses of error_o
    std::int64_t first_cycle = 0;  // first cycle in which a word is taken
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

  // Until all words have come, or `cycles` have passed.
  Outcome run(const Work& work, std::int64_t cycles = -1) {
    AxiMemory memory(work.memory);
    memory.add_read_only(kImageAddress, std::span(image_).first(work.readable));
    AxiReadPort& port = memory.add_read_port("stream", C::kWordBytes);
    const std::size_t words = work.words();
    Outcome outcome;
    Source starts(work.ranges.size(), work.start_stalls);
    std::size_t range = 0, word = 0, asked = 0, drained = 0;
    bool was_waiting = false;
    for (std::int64_t cycle = 0; cycles < 0 || cycle < cycles; ++cycle) {
      // After the last word, some cycles in which nothing may follow.
      if (cycles < 0 && outcome.words == words && ++drained > 20) break;
      if (cycle > 10'000'000) {
        ADD_FAILURE() << "hangs after " << outcome.words << " of " << words << " words";
        break;
      }
      unit_.start_valid_i = starts.offers(random_);
      if (unit_.start_valid_i != 0) {
        unit_.start_address_i = work.ranges[starts.beat()].address();
        unit_.start_words_i = static_cast<std::uint32_t>(work.ranges[starts.beat()].words);
      }
      unit_.ready_i = (!work.is_ready_late || was_waiting) && !random_.chance(work.sink_stalls);
      drive(port, unit_);
      settle(unit_);
      sample(unit_, port);
      starts.clocked(unit_.start_ready_o != 0, cycle);
      outcome.errors += unit_.error_o;
      EXPECT_TRUE(unit_.r_ready_o);
      EXPECT_TRUE(!was_waiting || unit_.valid_o) << "valid fell before ready";
      was_waiting = unit_.valid_o != 0 && unit_.ready_i == 0;
      if (port.ar_valid && port.ar_ready) {
        asked += port.ar_length + std::size_t{1};
        ++outcome.bursts;
      }
      EXPECT_LE(asked, outcome.words + C::kDepth) << "more than the FIFO holds";
      if (unit_.valid_o != 0) {
        if (range == work.ranges.size()) {
          ADD_FAILURE() << "a word more than was asked for";
          break;
        }
        const std::size_t offset = work.ranges[range].offset + word * C::kWordBytes;
        if (offset < work.readable &&
            std::memcmp(bytes_of(unit_.data_o), &image_[offset], C::kWordBytes) != 0) {
          ADD_FAILURE() << "range " << range << ", word " << word;
          break;
        }
        if (unit_.ready_i != 0) {
          if (outcome.words++ == 0) outcome.first_cycle = cycle;
          outcome.last_cycle = cycle;
          if (++word == work.ranges[range].words) {
            word = 0;
            ++range;
          }
        }
      }
      memory.cycle();
      rise(unit_);
    }
    outcome.refused = memory.errors();
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
  std::vector<std::byte> image_;
  typename C::Model unit_;
};

using Configurations = testing::Types<
    Configuration<VAxiReadLeast, 64, 4, 2>, Configuration<VAxiRead32, 32, 512, 256>,
    Configuration<VAxiRead64, 64, 64, 16>, Configuration<VAxiRead256, 256, 1024, 128>,
    Configuration<VAxiRead512, 512, 256, 64>, Configuration<VAxiRead1024, 1024, 128, 32>>;
TYPED_TEST_SUITE(AxiReadStreamRtl, Configurations);

TYPED_TEST(AxiReadStreamRtl, ReadsAnyRange) {
  std::uint64_t seed = 0;
  for (const int latency : {1, 13, 150}) {
    for (const int memory_stalls : {0, 20, 70}) {
      for (const int sink_stalls : {0, 20, 70}) {
        typename TestFixture::Work work;
        work.ranges = this->random_ranges(30, 3 * TypeParam::kBurst);
        work.memory.latency = latency;
        work.memory.stall_percent = memory_stalls;
        work.memory.seed = ++seed;
        work.start_stalls = sink_stalls;
        work.sink_stalls = sink_stalls;
        this->check(work);
      }
    }
  }
}

TYPED_TEST(AxiReadStreamRtl, WaitsForNoReady) {
  typename TestFixture::Work work;
  work.ranges = this->random_ranges(10, 3 * TypeParam::kBurst);
  work.is_ready_late = true;
  this->check(work);
}

TYPED_TEST(AxiReadStreamRtl, EndsWhereARangeEnds) {
  // All places of the first and the last word around a block of BURST words.
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

TYPED_TEST(AxiReadStreamRtl, GivesAWordInEveryCycle) {
  constexpr int kInFlight = TypeParam::kDepth - static_cast<int>(TypeParam::kBurst);
  if (kInFlight < 16) GTEST_SKIP() << "the FIFO is too small for any latency";
  for (const std::size_t max : {std::size_t{1}, std::size_t{3}, 5 * TypeParam::kBurst}) {
    typename TestFixture::Work work;
    work.ranges = this->random_ranges(200, max);
    work.memory.latency = kInFlight - 8;
    work.memory.outstanding = TypeParam::kDepth;
    const auto outcome = this->run(work);
    const auto words = static_cast<std::int64_t>(work.words());
    EXPECT_EQ(outcome.last_cycle - outcome.first_cycle + 1, words) << "ranges of " << max;
    EXPECT_LE(outcome.first_cycle, work.memory.latency + 8);
  }
}

TYPED_TEST(AxiReadStreamRtl, TellsErrors) {
  typename TestFixture::Work work;
  work.readable = kImageBytes / 2;
  work.memory.stall_percent = 20;
  const std::size_t block = TypeParam::kBurst * TypeParam::kWordBytes;
  work.ranges = {{0, 5}, {kImageBytes / 2 - block, 2 * TypeParam::kBurst}, {8 * block, 3}};
  const auto outcome = this->run(work);
  EXPECT_EQ(outcome.words, work.words());
  EXPECT_EQ(outcome.errors, TypeParam::kBurst);
  EXPECT_EQ(outcome.refused.size(), 1u);
}

TYPED_TEST(AxiReadStreamRtl, WorksAgainAfterReset) {
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

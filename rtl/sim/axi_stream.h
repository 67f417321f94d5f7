// What the benches of the AXI streams share: ranges of a piece of memory go through a unit one
// after the other, and both its neighbours and the memory may stall.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <gtest/gtest.h>
#include <string>
#include <vector>

#include "axi_memory.h"
#include "axi_ports.h"
#include "axi_ranges.h"
#include "streams.h"

namespace lightmamba::accel {

template <typename Unit, int kWordBits, int kFifoDepth, int kBurstWords>
struct AxiConfiguration {
  using Model = Unit;
  static constexpr std::size_t kWordBytes = kWordBits / 8;
  static constexpr std::size_t kDepth = kFifoDepth;
  static constexpr std::size_t kBurst = kBurstWords;
};

struct AxiWork {
  std::vector<AxiRange> ranges = {};
  AxiMemoryOptions memory = {};
  int stalls = 0;                         // percent of the cycles, at starts and words
  std::size_t image_bytes = kImageBytes;  // bytes of the image that there are
  // As those of a stream, of the starts and of the words.
  std::function<bool(const StreamRun&)> may_start = {};
  std::function<bool(const StreamRun&)> may_move = {};

  std::size_t words() const {
    std::size_t words = 0;
    for (const AxiRange& range : ranges) words += range.words;
    return words;
  }
};

struct AxiOutcome {
  Transfers words = {};
  std::size_t bursts = 0;
  std::size_t errors = 0;  // pulses of error_o
  std::vector<std::string> refused = {};
};

template <typename C>
class AxiStreamBench : public testing::Test {
 protected:
  AxiStreamBench() { reset(unit_); }

  // Runs until all is done, or for `cycles` and then resets the unit.
  virtual AxiOutcome run(const AxiWork& work, std::int64_t cycles = -1) = 0;

  void check(const AxiWork& work) {
    const AxiOutcome outcome = run(work);
    std::size_t bursts = 0;
    for (const AxiRange& range : work.ranges) bursts += bursts_of(range, C::kWordBytes, C::kBurst);
    EXPECT_EQ(outcome.bursts, bursts);
    EXPECT_EQ(outcome.errors, 0u);
    EXPECT_EQ(outcome.refused, std::vector<std::string>{});
  }

  void check_any_ranges() {
    std::uint64_t seed = 0;
    for (const int latency : {1, 13, 150}) {
      for (const int memory_stalls : {0, 20, 70}) {
        for (const int stalls : {0, 20, 70}) {
          check({.ranges = random_ranges(30, 3 * C::kBurst),
                 .memory = {.latency = latency, .stall_percent = memory_stalls, .seed = ++seed},
                 .stalls = stalls});
        }
      }
    }
  }

  // All places of the first and the last word around a block of BURST words.
  void check_all_ends() {
    AxiWork work = {.memory = {.latency = 5}};
    constexpr std::size_t kStep = C::kBurst > 32 ? 15 : 1;
    for (std::size_t first = 0; first < C::kBurst; first += kStep) {
      for (std::size_t end = first + 1; end <= first + 2 * C::kBurst; end += kStep) {
        work.ranges.push_back({first * C::kWordBytes, end - first});
      }
    }
    check(work);
  }

  void check_reset() {
    for (const std::int64_t cycles : {1, 3, 7, 30, 160, 300}) {
      const AxiWork work = {.ranges = random_ranges(20, 3 * C::kBurst),
                            .memory = {.stall_percent = 20}};
      run(work, cycles);
      check(work);
    }
  }

  // A range over the end of half an image, between two that are in it.
  static AxiWork beyond_the_end(std::size_t words) {
    const std::size_t block = C::kBurst * C::kWordBytes;
    return {.ranges = {{0, 5}, {kImageBytes / 2 - block, words}, {8 * block, 3}},
            .memory = {.stall_percent = 20},
            .image_bytes = kImageBytes / 2};
  }

  std::vector<AxiRange> random_ranges(int count, std::size_t max) {
    std::vector<AxiRange> ranges;
    for (int i = 0; i < count; ++i) ranges.push_back(random_range(random_, C::kWordBytes, max));
    return ranges;
  }

  StreamIn starts_of(const AxiWork& work) {
    return {.valid = unit_.start_valid_i,
            .ready = unit_.start_ready_o,
            .beats = work.ranges.size(),
            .send =
                [this, &work](std::size_t i) {
                  unit_.start_address_i = work.ranges[i].address();
                  unit_.start_words_i = static_cast<std::uint32_t>(work.ranges[i].words);
                },
            .may_offer = work.may_start};
  }

  static void go(StreamRun& run, std::int64_t cycles) {
    if (cycles < 0) {
      run.finish();
      run.expect_silence(20);
    } else {
      run.cycles(cycles);
      run.reset();
    }
  }

  RandomNumbers random_{1};
  typename C::Model unit_;
};

}  // namespace lightmamba::accel

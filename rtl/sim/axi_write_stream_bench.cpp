#include <algorithm>
#include <cstring>
#include <gtest/gtest.h>

#include "VAxiWrite1024.h"
#include "VAxiWrite256.h"
#include "VAxiWrite32.h"
#include "VAxiWrite512.h"
#include "VAxiWrite64.h"
#include "VAxiWriteLeast.h"
#include "axi_stream.h"

namespace lightmamba::accel {
namespace {

template <typename C>
class AxiWriteStreamRtl : public AxiStreamBench<C> {
 protected:
  using AxiStreamBench<C>::random_, AxiStreamBench<C>::unit_;

  // Compares the image with the expected one at the end.
  AxiOutcome run(const AxiWork& work, std::int64_t cycles = -1) override {
    std::vector<std::byte> image = random_bytes(random_, kImageBytes);
    std::vector<std::byte> expected = image;
    const std::size_t words = work.words();
    const std::vector<std::byte> data = random_bytes(random_, words * C::kWordBytes);
    AxiMemory memory(work.memory);
    memory.add_writable(kImageAddress, std::span(image).first(work.image_bytes));
    AxiWritePort& port = memory.add_write_port("stream", C::kWordBytes);
    AxiOutcome outcome;
    std::size_t started = 0, sent = 0;  // words
    bool is_over = false;
    const auto watch = [&](const StreamRun& run) {
      const std::size_t taken = run.in(1).beats;
      std::size_t& written = outcome.words.beats;
      sample(unit_, port);
      outcome.errors += unit_.error_o;
      EXPECT_TRUE(port.b_ready);
      if (port.aw_valid && port.aw_ready) {
        sent += port.aw_length + std::size_t{1};
        ++outcome.bursts;
      }
      if (port.aw_valid) {
        EXPECT_LE(sent + (port.aw_ready ? 0 : port.aw_length + std::size_t{1}), taken)
            << "an address before its words";
      }
      if (port.w_valid) {
        EXPECT_EQ(std::memcmp(port.w_data, &data[written * C::kWordBytes], C::kWordBytes), 0)
            << "word " << written;
        if (port.w_ready) {
          if (written++ == 0) outcome.words.first_cycle = run.now();
          outcome.words.last_cycle = run.now();
        }
      }
      if (unit_.idle_o != 0) {
        EXPECT_TRUE(memory.is_idle() && written == taken && written == started);
        is_over = taken == words && run.in(0).beats == work.ranges.size();
      }
      if (unit_.start_valid_i != 0 && unit_.start_ready_o != 0) {
        started += work.ranges[run.in(0).beats].words;
      }
      memory.cycle();
    };
    const auto send = [&](std::size_t i) {
      std::memcpy(bytes_of(unit_.data_i), &data[i * C::kWordBytes], C::kWordBytes);
    };
    const StreamWork stream = {
        .clock = clock_of(unit_),
        .in = {this->starts_of(work), {unit_.valid_i, unit_.ready_o, words, send, work.may_move}},
        .drive = [&](const StreamRun&) { drive(port, unit_); },
        .watch = watch,
        .is_done = [&] { return is_over; }};
    StreamRun run(stream, {.in = work.stalls}, random_);
    this->go(run, cycles);
    outcome.refused = memory.errors();
    if (cycles >= 0) return outcome;
    EXPECT_EQ(outcome.words.beats, words);
    std::size_t word = 0;
    for (const AxiRange& range : work.ranges) {
      std::memcpy(&expected[range.offset], &data[word * C::kWordBytes],
                  range.words * C::kWordBytes);
      word += range.words;
    }
    EXPECT_TRUE(std::equal(image.begin(),
                           image.begin() + static_cast<std::ptrdiff_t>(work.image_bytes),
                           expected.begin()));
    return outcome;
  }
};

using Configurations = testing::Types<
    AxiConfiguration<VAxiWriteLeast, 64, 4, 2>, AxiConfiguration<VAxiWrite32, 32, 512, 256>,
    AxiConfiguration<VAxiWrite64, 64, 64, 16>, AxiConfiguration<VAxiWrite256, 256, 256, 128>,
    AxiConfiguration<VAxiWrite512, 512, 128, 64>, AxiConfiguration<VAxiWrite1024, 1024, 128, 32>>;
TYPED_TEST_SUITE(AxiWriteStreamRtl, Configurations);

TYPED_TEST(AxiWriteStreamRtl, WritesAnyRange) { this->check_any_ranges(); }

TYPED_TEST(AxiWriteStreamRtl, TakesRangesAndWordsInAnyOrder) {
  for (const bool is_word_first : {false, true}) {
    AxiWork work = {.ranges = this->random_ranges(20, 3 * TypeParam::kBurst)};
    (is_word_first ? work.may_start : work.may_move) = [](const StreamRun& run) {
      return run.now() >= 2000;
    };
    this->check(work);
  }
}

TYPED_TEST(AxiWriteStreamRtl, EndsWhereARangeEnds) { this->check_all_ends(); }

TYPED_TEST(AxiWriteStreamRtl, WritesAWordInEveryCycle) {
  if (TypeParam::kBurst < 16) GTEST_SKIP() << "the FIFO is too small";
  // The first burst starts a block, so that none after it is longer.
  for (const std::size_t max : {std::size_t{1}, std::size_t{3}, 5 * TypeParam::kBurst}) {
    AxiWork work = {.ranges = this->random_ranges(200, max),
                    .memory = {.latency = 150, .outstanding = 256}};
    work.ranges[0] = {0, TypeParam::kBurst};
    const Transfers words = this->run(work).words;
    EXPECT_EQ(words.cycles(), static_cast<std::int64_t>(work.words())) << "ranges of " << max;
    EXPECT_LE(words.first_cycle, static_cast<std::int64_t>(TypeParam::kBurst) + 8);
  }
}

TYPED_TEST(AxiWriteStreamRtl, AwaitsManyResponses) {
  AxiWork work = {.ranges = this->random_ranges(512, 1),
                  .memory = {.latency = 1000, .outstanding = 1024}};
  for (AxiRange& range : work.ranges) range.words = 1;
  this->check(work);
}

TYPED_TEST(AxiWriteStreamRtl, TellsErrors) {
  const AxiOutcome outcome = this->run(this->beyond_the_end(4 * TypeParam::kBurst));
  EXPECT_EQ(outcome.errors, 3u);
  EXPECT_EQ(outcome.refused.size(), 3u);
}

TYPED_TEST(AxiWriteStreamRtl, WorksAgainAfterReset) { this->check_reset(); }

}  // namespace
}  // namespace lightmamba::accel

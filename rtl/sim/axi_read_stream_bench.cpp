#include <cstring>
#include <gtest/gtest.h>

#include "VAxiRead1024.h"
#include "VAxiRead256.h"
#include "VAxiRead32.h"
#include "VAxiRead512.h"
#include "VAxiRead64.h"
#include "VAxiReadLeast.h"
#include "axi_stream.h"
#include "ports.h"

namespace lightmamba::accel {
namespace {

template <typename C>
class AxiReadStreamRtl : public AxiStreamBench<C> {
 protected:
  using AxiStreamBench<C>::random_, AxiStreamBench<C>::unit_;

  AxiOutcome run(const AxiWork& work, std::int64_t cycles = -1) override {
    AxiMemory memory(work.memory);
    memory.add_read_only(kImageAddress, std::span(image_).first(work.image_bytes));
    AxiReadPort& port = memory.add_read_port("stream", C::kWordBytes);
    AxiOutcome outcome;
    std::size_t asked = 0;
    const auto watch = [&](const StreamRun& run) {
      sample(unit_, port);
      outcome.errors += unit_.error_o;
      EXPECT_TRUE(unit_.r_ready_o);
      was_waiting_ = unit_.valid_o != 0 && unit_.ready_i == 0;
      if (port.ar_valid && port.ar_ready) {
        asked += port.ar_length + std::size_t{1};
        ++outcome.bursts;
      }
      EXPECT_LE(asked, run.out(0).beats + C::kDepth) << "more than the FIFO holds";
      memory.cycle();
    };
    const auto read = [this] { return lanes_of(unit_.data_o, kLanes, 32); };
    const StreamWork stream = {
        .clock = clock_of(unit_),
        .in = {this->starts_of(work)},
        .out = {{unit_.valid_o, unit_.ready_i, read, expected_of(work), work.may_move}},
        .drive = [&](const StreamRun&) { drive(port, unit_); },
        .watch = watch};
    StreamRun run(stream, {work.stalls, work.stalls}, random_);
    this->go(run, cycles);
    outcome.words = run.out(0);
    outcome.refused = memory.errors();
    return outcome;
  }

  bool was_waiting_ = false;

 private:
  static constexpr std::size_t kLanes = C::kWordBytes / 4;

  // Words of the ranges; no data where there is no memory.
  std::vector<Beat> expected_of(const AxiWork& work) const {
    std::vector<Beat> words;
    for (const AxiRange& range : work.ranges) {
      for (std::size_t word = 0; word < range.words; ++word) {
        const std::size_t offset = range.offset + word * C::kWordBytes;
        words.emplace_back();
        if (offset >= work.image_bytes) continue;
        std::int32_t lanes[kLanes];
        std::memcpy(lanes, &image_[offset], C::kWordBytes);
        words.back().assign(lanes, lanes + kLanes);
      }
    }
    return words;
  }

  std::vector<std::byte> image_ = random_bytes(random_, kImageBytes);
};

using Configurations = testing::Types<
    AxiConfiguration<VAxiReadLeast, 64, 4, 2>, AxiConfiguration<VAxiRead32, 32, 512, 256>,
    AxiConfiguration<VAxiRead64, 64, 64, 16>, AxiConfiguration<VAxiRead256, 256, 1024, 128>,
    AxiConfiguration<VAxiRead512, 512, 256, 64>, AxiConfiguration<VAxiRead1024, 1024, 128, 32>>;
TYPED_TEST_SUITE(AxiReadStreamRtl, Configurations);

TYPED_TEST(AxiReadStreamRtl, ReadsAnyRange) { this->check_any_ranges(); }

TYPED_TEST(AxiReadStreamRtl, WaitsForNoReady) {
  this->check({.ranges = this->random_ranges(10, 3 * TypeParam::kBurst),
               .may_move = [this](const StreamRun&) { return this->was_waiting_; }});
}

TYPED_TEST(AxiReadStreamRtl, EndsWhereARangeEnds) { this->check_all_ends(); }

TYPED_TEST(AxiReadStreamRtl, GivesAWordInEveryCycle) {
  constexpr int kInFlight = static_cast<int>(TypeParam::kDepth - TypeParam::kBurst);
  if (kInFlight < 16) GTEST_SKIP() << "the FIFO is too small for any latency";
  for (const std::size_t max : {std::size_t{1}, std::size_t{3}, 5 * TypeParam::kBurst}) {
    const AxiWork work = {.ranges = this->random_ranges(200, max),
                          .memory = {.latency = kInFlight - 8, .outstanding = TypeParam::kDepth}};
    const Transfers words = this->run(work).words;
    EXPECT_EQ(words.cycles(), static_cast<std::int64_t>(work.words())) << "ranges of " << max;
    EXPECT_LE(words.first_cycle, work.memory.latency + 8);
  }
}

TYPED_TEST(AxiReadStreamRtl, TellsErrors) {
  const AxiWork work = this->beyond_the_end(2 * TypeParam::kBurst);
  const AxiOutcome outcome = this->run(work);
  EXPECT_EQ(outcome.words.beats, work.words());
  EXPECT_EQ(outcome.errors, TypeParam::kBurst);
  EXPECT_EQ(outcome.refused.size(), 1u);
}

TYPED_TEST(AxiReadStreamRtl, WorksAgainAfterReset) { this->check_reset(); }

}  // namespace
}  // namespace lightmamba::accel

#include "accel/runtime/activity.h"

#include <gtest/gtest.h>
#include <numeric>
#include <random>

#include "support/errors.h"

namespace lightmamba::accel {
namespace {

using ::testing::HasSubstr;

constexpr std::int64_t kLayers = 3;
constexpr std::int64_t kLayerCycles = 1000;
constexpr std::int64_t kOutProj = 700;  // in a layer
constexpr std::int64_t kBefore = 50;    // cycles before the first layer
constexpr std::int64_t kHeadCycles = 300;

Begins begins_at(std::int64_t cycle) {
  const std::int64_t from_first = cycle - kBefore;
  if (from_first < 0) return Begins::none;
  if (from_first == kLayers * kLayerCycles) return Begins::lm_head;
  if (from_first > kLayers * kLayerCycles) return Begins::none;
  if (from_first % kLayerCycles == 0) return Begins::in_proj;
  return from_first % kLayerCycles == kOutProj ? Begins::out_proj : Begins::none;
}

// A token in which each unit works for runs of cycles.
std::vector<CycleActivity> random_token() {
  std::mt19937 random(1);
  std::vector<CycleActivity> token(
      static_cast<std::size_t>(kBefore + kLayers * kLayerCycles + kHeadCycles));
  std::uint32_t units = 0;
  for (std::size_t i = 0; i < token.size(); ++i) {
    if (random() % 4 == 0) units ^= 1U << (random() % kUnits.size());
    token[i] = {.begins = begins_at(static_cast<std::int64_t>(i)), .units = units};
  }
  return token;
}

ActivityRecorder recorded(const std::vector<CycleActivity>& token, std::int64_t layer) {
  ActivityRecorder recorder(layer);
  for (const CycleActivity& cycle : token) recorder.add(cycle);
  return recorder;
}

std::int64_t count(const std::vector<CycleActivity>& token, Unit unit, std::int64_t begin,
                   std::int64_t end) {
  std::int64_t busy = 0;
  for (std::int64_t i = begin; i < end; ++i) {
    busy += token[static_cast<std::size_t>(i)].works(unit) ? 1 : 0;
  }
  return busy;
}

TEST(Activity, PartsAreTheLayersWithWhatIsAroundThem) {
  const std::vector<CycleActivity> token = random_token();
  const ActivityRecorder recorder = recorded(token, 1);
  const std::vector<TokenPart>& parts = recorder.parts();
  ASSERT_EQ(parts.size(), kLayers + 2);
  EXPECT_EQ(parts.front().cycles, (CycleInterval{0, kBefore}));
  for (std::int64_t layer = 0; layer < kLayers; ++layer) {
    const std::int64_t begin = kBefore + layer * kLayerCycles;
    const TokenPart& part = parts[static_cast<std::size_t>(layer + 1)];
    EXPECT_EQ(part.cycles, (CycleInterval{begin, begin + kLayerCycles}));
    EXPECT_EQ(part.out_proj_begin, begin + kOutProj);
    for (const Unit unit : {Unit::mmu, Unit::ssm, Unit::loader}) {
      EXPECT_EQ(part.busy_cycles(unit), count(token, unit, begin, begin + kLayerCycles));
    }
  }
  EXPECT_EQ(parts.back().cycles.cycles(), kHeadCycles);
  EXPECT_EQ(parts.back().cycles.end, std::ssize(token));
  EXPECT_EQ(parts.back().out_proj_begin, 0);
}

TEST(Activity, IntervalsAreTheCyclesInWhichAUnitWorks) {
  const std::vector<CycleActivity> token = random_token();
  for (std::int64_t layer = 0; layer < kLayers; ++layer) {
    const LayerTimeline timeline = recorded(token, layer).timeline();
    EXPECT_EQ(timeline.layer, layer);
    for (std::size_t unit = 0; unit < kUnits.size(); ++unit) {
      ASSERT_GT(timeline.intervals[unit].size(), 2);
      std::int64_t end = timeline.part.cycles.begin;
      bool is_first = true;
      for (const CycleInterval& interval : timeline.intervals[unit]) {
        // A pause lies between two intervals, and nowhere within one.
        EXPECT_GE(interval.begin, is_first ? end : end + 1);
        EXPECT_EQ(count(token, static_cast<Unit>(unit), end, interval.begin), 0);
        EXPECT_EQ(count(token, static_cast<Unit>(unit), interval.begin, interval.end),
                  interval.end - interval.begin);
        end = interval.end;
        is_first = false;
      }
      EXPECT_LE(end, timeline.part.cycles.end);
      EXPECT_EQ(count(token, static_cast<Unit>(unit), end, timeline.part.cycles.end), 0);
    }
  }
}

TEST(Activity, BucketsCountTheSameCycles) {
  const std::vector<CycleActivity> token = random_token();
  const LayerTimeline timeline = recorded(token, 2).timeline();
  const std::int64_t begin = timeline.part.cycles.begin;
  // Buckets of 1000, 143, 5 and 1 cycles, of which the last ones are empty.
  for (const std::int64_t buckets : {1, 7, 200, 1200}) {
    const std::int64_t width = bucket_cycles(timeline, buckets);
    EXPECT_GE(width * buckets, kLayerCycles);
    const std::vector<std::int64_t> busy = busy_in_buckets(timeline, Unit::gate, buckets);
    ASSERT_EQ(std::ssize(busy), buckets);
    for (std::int64_t i = 0; i < buckets; ++i) {
      EXPECT_EQ(busy[static_cast<std::size_t>(i)],
                count(token, Unit::gate, std::min(begin + i * width, begin + kLayerCycles),
                      std::min(begin + (i + 1) * width, begin + kLayerCycles)));
    }
    EXPECT_EQ(std::accumulate(busy.begin(), busy.end(), std::int64_t{0}),
              timeline.part.busy_cycles(Unit::gate));
  }
}

TEST(Activity, RefusesALayerThatHasNotCome) {
  std::vector<CycleActivity> token = random_token();
  token.resize(kBefore + kLayerCycles);
  EXPECT_EQ(recorded(token, 0).timeline().part.cycles.cycles(), kLayerCycles);
  EXPECT_THAT(test::error_of([&] { recorded(token, 1).timeline(); }),
              HasSubstr("has not come to layer 1"));
}

}  // namespace
}  // namespace lightmamba::accel

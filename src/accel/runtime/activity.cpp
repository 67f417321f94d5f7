#include "accel/runtime/activity.h"

#include <algorithm>

#include "base/fail.h"

namespace lightmamba::accel {

void ActivityRecorder::add(const CycleActivity& cycle) {
  if (cycle.begins == Begins::in_proj || cycle.begins == Begins::lm_head) {
    parts_.push_back({.cycles = {cycle_, cycle_}});
  }
  TokenPart& part = parts_.back();
  if (cycle.begins == Begins::out_proj) part.out_proj_begin = cycle_;
  // The part before the first layer is number 0.
  const bool is_kept = std::ssize(parts_) == timeline_.layer + 2;
  for (std::size_t unit = 0; unit < kUnits.size(); ++unit) {
    if (!cycle.works(static_cast<Unit>(unit))) continue;
    ++part.busy[unit];
    if (!is_kept) continue;
    std::vector<CycleInterval>& intervals = timeline_.intervals[unit];
    if (intervals.empty() || intervals.back().end != cycle_) intervals.push_back({cycle_, cycle_});
    ++intervals.back().end;
  }
  part.cycles.end = ++cycle_;
}

LayerTimeline ActivityRecorder::timeline() const {
  if (timeline_.layer + 2 > std::ssize(parts_)) {
    fail("the token has not come to layer {}", timeline_.layer);
  }
  LayerTimeline timeline = timeline_;
  timeline.part = parts_[static_cast<std::size_t>(timeline_.layer + 1)];
  return timeline;
}

std::int64_t bucket_cycles(const LayerTimeline& timeline, std::int64_t buckets) {
  return std::max<std::int64_t>((timeline.part.cycles.cycles() + buckets - 1) / buckets, 1);
}

std::vector<std::int64_t> busy_in_buckets(const LayerTimeline& timeline, Unit unit,
                                          std::int64_t buckets) {
  const std::int64_t width = bucket_cycles(timeline, buckets);
  std::vector<std::int64_t> busy(static_cast<std::size_t>(buckets));
  for (const CycleInterval& interval : timeline.intervals[static_cast<std::size_t>(unit)]) {
    const std::int64_t end = interval.end - timeline.part.cycles.begin;
    for (std::int64_t at = interval.begin - timeline.part.cycles.begin; at < end;) {
      const std::int64_t next = std::min(end, (at / width + 1) * width);
      busy[static_cast<std::size_t>(at / width)] += next - at;
      at = next;
    }
  }
  return busy;
}

}  // namespace lightmamba::accel

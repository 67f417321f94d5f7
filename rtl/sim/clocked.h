// What benches of clocked units share: clock and reset, ports of several lanes, streams that stall.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "bits.h"
#include "ports.h"

namespace lightmamba::accel {

// The outputs of a cycle, after its inputs have been set and before the clock rises.
template <typename Unit>
void settle(Unit& unit) {
  unit.clk_i = 0;
  unit.eval();
}

template <typename Unit>
void rise(Unit& unit) {
  unit.clk_i = 1;
  unit.eval();
}

template <typename Unit>
void reset(Unit& unit) {
  unit.rst_ni = 0;
  settle(unit);
  rise(unit);
  unit.rst_ni = 1;
}

// One signed number of `bits` bits in each lane.
template <typename Port>
void set_lanes(Port& port, const std::int64_t* values, int lanes, int bits) {
  for (int lane = 0; lane < lanes; ++lane) {
    set_lane(port, static_cast<std::size_t>(lane), bits, values[lane]);
  }
}

template <typename Port>
std::vector<std::int64_t> lanes_of(const Port& port, int lanes, int bits) {
  std::vector<std::int64_t> values;
  for (int lane = 0; lane < lanes; ++lane) {
    values.push_back(get_lane(port, static_cast<std::size_t>(lane), bits));
  }
  return values;
}

// Offers what is left of a stream, in some cycles not; what is offered stays until it is taken.
class Source {
 public:
  Source(std::size_t beats, int stall_percent) : beats_(beats), stall_percent_(stall_percent) {}

  bool offers(RandomNumbers& random) {
    is_offered_ = is_offered_ || (taken_ < beats_ && !random.chance(stall_percent_));
    return is_offered_;
  }
  std::size_t beat() const { return taken_; }
  // At the end of a cycle.
  void clocked(bool is_ready, std::int64_t cycle) {
    if (!is_offered_ || !is_ready) return;
    if (taken_ == 0) first_cycle_ = cycle;
    last_cycle_ = cycle;
    ++taken_;
    is_offered_ = false;
  }
  bool is_done() const { return taken_ == beats_; }
  std::int64_t first_cycle() const { return first_cycle_; }
  std::int64_t cycles() const { return last_cycle_ - first_cycle_ + 1; }

 private:
  std::size_t beats_;
  int stall_percent_;
  std::size_t taken_ = 0;
  bool is_offered_ = false;
  std::int64_t first_cycle_ = 0;
  std::int64_t last_cycle_ = 0;
};

// Takes a stream and watches that data stay until they are taken.
class Sink {
 public:
  using Beat = std::vector<std::int64_t>;

  explicit Sink(int stall_percent) : stall_percent_(stall_percent) {}

  bool chooses_ready(RandomNumbers& random) {
    is_ready_ = !random.chance(stall_percent_);
    return is_ready_;
  }
  // At the end of a cycle; false where data have changed or gone.
  bool clocked(bool is_valid, const Beat& beat, std::int64_t cycle) {
    const bool is_stable = waiting_.empty() || (is_valid && beat == waiting_);
    waiting_.clear();
    if (!is_valid) return is_stable;
    if (!is_ready_) {
      waiting_ = beat;
      return is_stable;
    }
    if (beats_.empty()) first_cycle_ = cycle;
    last_cycle_ = cycle;
    beats_.push_back(beat);
    return is_stable;
  }
  const std::vector<Beat>& beats() const { return beats_; }
  std::int64_t first_cycle() const { return first_cycle_; }
  std::int64_t last_cycle() const { return last_cycle_; }
  std::int64_t cycles() const { return last_cycle_ - first_cycle_ + 1; }

 private:
  int stall_percent_;
  bool is_ready_ = false;
  Beat waiting_;
  std::vector<Beat> beats_;
  std::int64_t first_cycle_ = 0;
  std::int64_t last_cycle_ = 0;
};

}  // namespace lightmamba::accel

// Drives units with one stream in and one out, named in_ and out_.
#pragma once

#include <cstddef>
#include <functional>
#include <gtest/gtest.h>

#include "bits.h"

namespace lightmamba::accel {

template <typename Unit>
void tick(Unit& unit) {
  unit.clk_i = 1;
  unit.eval();
  unit.clk_i = 0;
  unit.eval();
}

template <typename Unit>
void reset(Unit& unit) {
  unit.rst_ni = 0;
  unit.in_valid_i = 0;
  unit.out_ready_i = 0;
  unit.clk_i = 0;
  unit.eval();
  tick(unit);
  unit.rst_ni = 1;
}

// Percent of the cycles in which a side waits.
struct Stalls {
  int in, out;
};

// What goes through a unit: `send` sets the data of an input beat, `check` compares those of an
// output beat.
struct Work {
  std::size_t beats_in, beats_out;
  std::function<void(std::size_t)> send, check;
};

// Returns the cycles from the first offer to the last beat taken. Outputs are checked in each cycle
// in which they are valid, so they must not change while they wait.
template <typename Unit>
std::size_t run_stream(Unit& unit, const Work& work, Stalls stalls, RandomNumbers& random) {
  std::size_t in = 0, out = 0, cycles = 0;
  bool is_offered = false, has_waited = false;
  while (out < work.beats_out && !testing::Test::HasFailure()) {
    if (!is_offered && in < work.beats_in && !random.chance(stalls.in)) {
      work.send(in);
      is_offered = true;
    }
    unit.in_valid_i = is_offered;
    unit.out_ready_i = !random.chance(stalls.out);
    unit.eval();
    if (unit.out_valid_o) work.check(out);
    if (has_waited) {
      EXPECT_TRUE(unit.out_valid_o) << "valid fell before ready, beat " << out;
    }
    has_waited = unit.out_valid_o && !unit.out_ready_i;
    if (is_offered && unit.in_ready_o) {
      ++in;
      is_offered = false;
    }
    if (unit.out_valid_o && unit.out_ready_i) ++out;
    tick(unit);
    if (++cycles > 1000 + 40 * (work.beats_in + work.beats_out)) {
      ADD_FAILURE() << "hangs after " << in << " beats in and " << out << " out";
    }
  }
  return cycles;
}

// Nothing may follow what was expected.
template <typename Unit>
void expect_idle(Unit& unit, int cycles) {
  unit.in_valid_i = 0;
  unit.out_ready_i = 1;
  for (int i = 0; i < cycles; ++i) {
    unit.eval();
    EXPECT_FALSE(unit.out_valid_o) << "cycle " << i;
    tick(unit);
  }
}

// Runs the work without stalls, which must take one cycle for each input beat and `latency`; with
// stalls; and once more after a reset in the middle of it.
template <typename Unit>
void exercise(Unit& unit, const Work& work, std::size_t latency) {
  RandomNumbers random(99);
  reset(unit);
  EXPECT_EQ(run_stream(unit, work, {0, 0}, random), work.beats_in + latency);
  for (const Stalls stalls : {Stalls{20, 20}, {70, 70}, {0, 70}, {70, 0}, {20, 0}, {0, 20}}) {
    run_stream(unit, work, stalls, random);
    expect_idle(unit, 100);
  }
  Work part = work;
  part.beats_out = work.beats_out / 2;
  run_stream(unit, part, {0, 20}, random);
  reset(unit);
  expect_idle(unit, 100);
  EXPECT_EQ(run_stream(unit, work, {0, 0}, random), work.beats_in + latency);
  expect_idle(unit, 100);
}

}  // namespace lightmamba::accel

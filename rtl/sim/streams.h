// Drives units with several streams in and out.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <gtest/gtest.h>
#include <utility>
#include <vector>

#include "clocked.h"

namespace lightmamba::accel {

// `send` sets the data of a beat.
struct StreamIn {
  CData& valid;
  const CData& ready;
  std::size_t beats;
  std::function<void(std::size_t)> send;
};

// `read` gives the data of a beat; the expected ones follow each other, and none after them.
struct StreamOut {
  const CData& valid;
  CData& ready;
  std::function<Sink::Beat()> read;
  std::vector<Sink::Beat> expected;
};

// The work of a unit. `start` sets the inputs that it needs before, and `end` may check the
// results.
struct StreamWork {
  std::vector<StreamIn> in;
  std::vector<StreamOut> out;
  std::function<void()> start = [] {};
  std::function<void()> end = [] {};
};

// Percent of the cycles in which neighbours wait.
struct StreamStalls {
  int in = 0;
  int out = 0;
};

// Runs to the end of all streams, or until `most_beats` of the first one out; returns the cycles
// from the first.
template <typename Unit>
std::int64_t run_streams(Unit& unit, const StreamWork& work, StreamStalls stalls,
                         RandomNumbers& random, std::size_t max_beats = SIZE_MAX) {
  std::vector<Source> sources;
  std::vector<Sink> sinks;
  std::int64_t limit = 1000;
  for (const StreamIn& in : work.in) {
    sources.emplace_back(in.beats, stalls.in);
    limit += 100 * static_cast<std::int64_t>(in.beats);
  }
  for (const StreamOut& out : work.out) {
    sinks.emplace_back(stalls.out);
    limit += 100 * static_cast<std::int64_t>(out.expected.size());
  }
  const auto is_done = [&] {
    bool is_all = true;
    for (const Source& source : sources) is_all = is_all && source.is_done();
    for (std::size_t i = 0; i < sinks.size(); ++i) {
      is_all = is_all && sinks[i].beats().size() == work.out[i].expected.size();
    }
    return is_all || (!sinks.empty() && sinks[0].beats().size() >= max_beats);
  };
  std::int64_t cycle = 0;
  for (; !is_done(); ++cycle) {
    if (cycle >= limit) {
      ADD_FAILURE() << "hangs";
      return cycle;
    }
    for (std::size_t i = 0; i < sources.size(); ++i) {
      const StreamIn& in = work.in[i];
      in.valid = sources[i].offers(random);
      // Data of no meaning where nothing is offered.
      if (in.beats > 0) in.send(in.valid != 0 ? sources[i].beat() : random.below(in.beats));
    }
    for (std::size_t i = 0; i < sinks.size(); ++i) {
      work.out[i].ready = sinks[i].chooses_ready(random);
    }
    settle(unit);
    for (std::size_t i = 0; i < sources.size(); ++i) {
      sources[i].clocked(work.in[i].ready != 0, cycle);
    }
    for (std::size_t i = 0; i < sinks.size(); ++i) {
      const StreamOut& out = work.out[i];
      const bool is_valid = out.valid != 0;
      const std::size_t beat = sinks[i].beats().size();
      const Sink::Beat data = is_valid ? out.read() : Sink::Beat{};
      if (is_valid && beat >= out.expected.size()) {
        ADD_FAILURE() << "stream " << i << " has more than was expected";
        return cycle;
      }
      if (is_valid && data != out.expected[beat]) {
        EXPECT_EQ(data, out.expected[beat]) << "beat " << beat << " of stream " << i;
        return cycle;
      }
      if (!sinks[i].clocked(is_valid, data, cycle)) {
        ADD_FAILURE() << "valid fell before ready, beat " << beat << " of stream " << i;
        return cycle;
      }
    }
    rise(unit);
  }
  return cycle;
}

// Nothing may follow what was expected.
template <typename Unit>
void expect_silence(Unit& unit, const StreamWork& work, int cycles = 60) {
  for (const StreamIn& in : work.in) in.valid = 0;
  for (const StreamOut& out : work.out) out.ready = 1;
  for (int i = 0; i < cycles; ++i) {
    settle(unit);
    for (const StreamOut& out : work.out) ASSERT_EQ(out.valid, 0) << "cycle " << i;
    rise(unit);
  }
}

template <typename Unit>
void reset_streams(Unit& unit, const StreamWork& work) {
  for (const StreamIn& in : work.in) in.valid = 0;
  for (const StreamOut& out : work.out) out.ready = 0;
  reset(unit);
}

// Runs the work without stalls, which must take `cycles`; with all kinds of stalls; and again after
// a reset in the middle of it.
template <typename Unit>
void exercise_streams(Unit& unit, const StreamWork& work, std::int64_t cycles,
                      std::uint64_t seed = 1) {
  RandomNumbers random(seed);
  const auto run = [&](StreamStalls stalls, std::size_t max_beats = SIZE_MAX) {
    work.start();
    return run_streams(unit, work, stalls, random, max_beats);
  };
  reset_streams(unit, work);
  EXPECT_EQ(run({}), cycles);
  for (const int in : {0, 20, 70}) {
    for (const int out : {0, 20, 70}) {
      if (testing::Test::HasFailure()) return;
      run({in, out});
      expect_silence(unit, work);
      work.end();
    }
  }
  for (const std::size_t beats : {std::size_t{1}, work.out[0].expected.size() / 2}) {
    run({0, 20}, beats);
    reset_streams(unit, work);
    expect_silence(unit, work);
  }
  EXPECT_EQ(run({}), cycles);
  expect_silence(unit, work);
  work.end();
}

}  // namespace lightmamba::accel

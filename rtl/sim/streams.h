// Drives the streams of a unit, of whatever class: neighbours that stall by chance, data that are
// compared as soon as they are valid and must stay until they are taken, cycles that are counted,
// and resets amid work. It knows nothing of Verilator.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <vector>

#include "bits.h"
#include "clock.h"

namespace lightmamba::accel {

using Beat = std::vector<std::int64_t>;

class StreamRun;

struct StreamIn {
  std::uint8_t& valid;
  const std::uint8_t& ready;
  std::size_t beats;
  // Sets the data of a beat when it is offered, and those of any beat in cycles without one.
  std::function<void(std::size_t)> send;
  // Whether the next beat may be offered in this cycle; it may if there is no such function.
  std::function<bool(const StreamRun&)> may_offer = {};
  // From the start on there is a beat, and after the last one there is another that must wait.
  bool is_followed = false;
};

struct StreamOut {
  const std::uint8_t& valid;
  std::uint8_t& ready;
  std::function<Beat()> read;  // the data of a beat
  // The beats in their order; nothing may follow them. One that is empty may hold any data.
  std::vector<Beat> expected;
  std::function<bool(const StreamRun&)> may_take = {};  // as may_offer
};

// What a unit does from a start to an end. All functions but those of the streams may be missing.
struct StreamWork {
  Clock clock;
  std::vector<StreamIn> in = {};
  std::vector<StreamOut> out = {};
  // Sets the inputs that the unit needs before; it may take cycles, in which no stream is driven.
  std::function<void()> start = {};
  // In each cycle: sets the inputs of no stream, before the streams; and looks at the outputs when
  // they have settled.
  std::function<void(const StreamRun&)> drive = {};
  std::function<void(const StreamRun&)> watch = {};
  std::function<bool()> is_done = {};  // what must be besides the end of all streams
  std::function<void()> end = {};      // compares results
};

// Percent of the cycles in which neighbours wait.
struct Stalls {
  int in = 0;
  int out = 0;
};

// The beats that have gone through a stream, and their cycles.
struct Transfers {
  std::size_t beats = 0;
  std::int64_t first_cycle = 0;
  std::int64_t last_cycle = 0;

  std::int64_t cycles() const { return last_cycle - first_cycle + 1; }
};

// The work once, cycle by cycle. What is not as it should be is a failure of the test, after which
// cycles end.
class StreamRun {
 public:
  // Starts the work, which must outlive it.
  StreamRun(const StreamWork& work, Stalls stalls, RandomNumbers& random);

  void cycle();
  // Goes on for so many cycles, unless the work is done before.
  void cycles(std::int64_t count);
  // Goes on to the end; returns the cycles since the start.
  std::int64_t finish();
  // Ends the work where it is, by a reset. Only silence may follow.
  void reset();
  // Nothing may come any more.
  void expect_silence(int cycles = 60);

  void set_stalls(Stalls stalls) { stalls_ = stalls; }
  bool is_done() const;
  std::int64_t now() const { return now_; }
  // While a cycle is watched, without the beats of it.
  const Transfers& in(std::size_t stream) const { return sources_[stream].taken; }
  const Transfers& out(std::size_t stream) const { return sinks_[stream].taken; }

 private:
  struct Source {
    Transfers taken = {};
    bool is_offered = false;
  };
  struct Sink {
    Transfers taken = {};
    Beat waiting = {};
  };

  void offer(const StreamIn& stream, Source& source);
  void choose_ready(const StreamOut& stream) const;
  void take(const StreamIn& stream, Source& source);
  void take(const StreamOut& stream, Sink& sink);
  void count(Transfers& taken);

  const StreamWork& work_;
  Stalls stalls_;
  RandomNumbers& random_;
  std::vector<Source> sources_;
  std::vector<Sink> sinks_;
  bool is_silent_ = false;
  std::int64_t now_ = 0;
  std::int64_t last_beat_ = 0;
};

void reset_streams(const StreamWork& work);

// The work from its start to its end, and that nothing comes after it; returns the cycles.
std::int64_t run_streams(const StreamWork& work, Stalls stalls, RandomNumbers& random);

// Runs the work without stalls, which must take `cycles`; with all kinds of stalls; and again after
// a reset when the first stream out has given one beat, and half of its beats.
void exercise(const StreamWork& work, std::int64_t cycles, std::uint64_t seed = 1);

}  // namespace lightmamba::accel

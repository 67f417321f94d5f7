#include "streams.h"

#include <gtest/gtest.h>

namespace lightmamba::accel {
namespace {

constexpr std::int64_t kPatience = 20'000;  // cycles without a beat on any stream

template <typename Function>
bool allows(const Function& function, const StreamRun& run) {
  return !function || function(run);
}

}  // namespace

StreamRun::StreamRun(const StreamWork& work, Stalls stalls, RandomNumbers& random)
    : work_(work),
      stalls_(stalls),
      random_(random),
      sources_(work.in.size()),
      sinks_(work.out.size()) {
  for (std::size_t i = 0; i < sources_.size(); ++i) {
    sources_[i].is_offered = work.in[i].is_followed;
    work.in[i].valid = sources_[i].is_offered;
    if (work.in[i].is_followed) work.in[i].send(0);
  }
  for (const StreamOut& out : work.out) out.ready = 0;
  if (work.start) work.start();
}

void StreamRun::cycle() {
  if (work_.drive) work_.drive(*this);
  for (std::size_t i = 0; i < sources_.size(); ++i) offer(work_.in[i], sources_[i]);
  for (const StreamOut& out : work_.out) choose_ready(out);
  work_.clock.settle();
  if (work_.watch) work_.watch(*this);
  for (std::size_t i = 0; i < sources_.size(); ++i) take(work_.in[i], sources_[i]);
  for (std::size_t i = 0; i < sinks_.size(); ++i) take(work_.out[i], sinks_[i]);
  work_.clock.rise();
  if (++now_ - last_beat_ > kPatience) ADD_FAILURE() << "hangs in cycle " << now_;
}

void StreamRun::cycles(std::int64_t count) {
  for (const std::int64_t end = now_ + count; now_ < end && !is_done();) {
    if (testing::Test::HasFailure()) return;
    cycle();
  }
}

std::int64_t StreamRun::finish() {
  while (!is_done() && !testing::Test::HasFailure()) cycle();
  return now_;
}

void StreamRun::reset() {
  reset_streams(work_);
  for (Sink& sink : sinks_) sink.waiting.clear();
  is_silent_ = true;
}

void StreamRun::expect_silence(int cycles) {
  is_silent_ = true;
  for (Source& source : sources_) source.is_offered = false;
  for (int i = 0; i < cycles && !testing::Test::HasFailure(); ++i) cycle();
}

bool StreamRun::is_done() const {
  bool is_all = !work_.is_done || work_.is_done();
  for (std::size_t i = 0; i < sources_.size(); ++i) {
    is_all = is_all && sources_[i].taken.beats == work_.in[i].beats;
  }
  for (std::size_t i = 0; i < sinks_.size(); ++i) {
    is_all = is_all && sinks_[i].taken.beats == work_.out[i].expected.size();
  }
  return is_all;
}

// What has been offered stays until it is taken.
void StreamRun::offer(const StreamIn& stream, Source& source) {
  if (source.is_offered) return;
  const bool is_over = source.taken.beats == stream.beats;
  if (is_over) {
    source.is_offered = stream.is_followed && !is_silent_;
  } else {
    source.is_offered =
        !is_silent_ && allows(stream.may_offer, *this) && !random_.chance(stalls_.in);
  }
  stream.valid = source.is_offered;
  if (stream.beats == 0) return;
  const bool is_known = source.is_offered && !is_over;
  stream.send(is_known ? source.taken.beats : random_.below(stream.beats));
}

void StreamRun::choose_ready(const StreamOut& stream) const {
  stream.ready = is_silent_ || (allows(stream.may_take, *this) && !random_.chance(stalls_.out));
}

void StreamRun::take(const StreamIn& stream, Source& source) {
  if (stream.valid == 0 || stream.ready == 0) return;
  EXPECT_LT(source.taken.beats, stream.beats) << "a beat more than the work has is taken";
  source.is_offered = false;
  count(source.taken);
}

void StreamRun::take(const StreamOut& stream, Sink& sink) {
  const auto index = &stream - work_.out.data();
  if (stream.valid == 0) {
    EXPECT_TRUE(sink.waiting.empty()) << "stream " << index << ": valid falls before ready";
    return;
  }
  const std::size_t beat = sink.taken.beats;
  if (is_silent_ || beat >= stream.expected.size()) {
    ADD_FAILURE() << "stream " << index << " gives more than was expected, in cycle " << now_;
    return;
  }
  const Beat data = stream.read();
  if (!stream.expected[beat].empty()) {
    EXPECT_EQ(data, stream.expected[beat]) << "beat " << beat << " of stream " << index;
  }
  if (!sink.waiting.empty()) {
    EXPECT_EQ(data, sink.waiting) << "beat " << beat << " of stream " << index << " has changed";
  }
  sink.waiting.clear();
  if (stream.ready == 0) {
    sink.waiting = data;
  } else {
    count(sink.taken);
  }
}

void StreamRun::count(Transfers& taken) {
  if (taken.beats++ == 0) taken.first_cycle = now_;
  taken.last_cycle = last_beat_ = now_;
}

void reset_streams(const StreamWork& work) {
  for (const StreamIn& in : work.in) in.valid = 0;
  for (const StreamOut& out : work.out) out.ready = 0;
  work.clock.reset();
}

std::int64_t run_streams(const StreamWork& work, Stalls stalls, RandomNumbers& random) {
  StreamRun run(work, stalls, random);
  const std::int64_t cycles = run.finish();
  run.expect_silence();
  if (work.end && !testing::Test::HasFailure()) work.end();
  return cycles;
}

void exercise(const StreamWork& work, std::int64_t cycles, std::uint64_t seed) {
  RandomNumbers random(seed);
  reset_streams(work);
  // The next work may start at once.
  EXPECT_EQ(StreamRun(work, {}, random).finish(), cycles);
  for (const int in : {0, 20, 70}) {
    for (const int out : {0, 20, 70}) run_streams(work, {in, out}, random);
  }
  for (const std::size_t beats : {std::size_t{1}, work.out[0].expected.size() / 2}) {
    StreamRun run(work, {0, 20}, random);
    while (!run.is_done() && run.out(0).beats < beats && !testing::Test::HasFailure()) run.cycle();
    run.reset();
    run.expect_silence();
  }
  if (testing::Test::HasFailure()) return;
  EXPECT_EQ(run_streams(work, {}, random), cycles);
}

}  // namespace lightmamba::accel

#include "engine/worker_pool.h"

#include <atomic>
#include <gtest/gtest.h>
#include <vector>

namespace lightmamba {
namespace {

TEST(WorkerPool, RunsEachTaskOnce) {
  for (const int threads : {1, 2, 5}) {
    WorkerPool pool(threads);
    EXPECT_EQ(pool.threads(), threads);
    for (const std::int64_t count : {0, 1, 2, 3, 64, 1000}) {
      std::vector<std::atomic<int>> calls(static_cast<std::size_t>(count));
      pool.run(count, [&](std::int64_t task, int thread) {
        EXPECT_GE(thread, 0);
        EXPECT_LT(thread, threads);
        ++calls[static_cast<std::size_t>(task)];
      });
      for (const auto& each : calls) EXPECT_EQ(each, 1);
    }
  }
}

// What one phase writes, the next one sees, whoever runs it.
TEST(WorkerPool, PhasesFollowEachOther) {
  WorkerPool pool(3);
  std::vector<std::int64_t> values(16);
  constexpr std::int64_t kPhases = 20'000;
  for (std::int64_t phase = 0; phase < kPhases; ++phase) {
    pool.run(16, [&](std::int64_t task, int /*thread*/) {
      const auto from = static_cast<std::size_t>(task);
      values[from] += 1;
    });
  }
  for (const std::int64_t value : values) EXPECT_EQ(value, kPhases);
}

// A worker that is late at a short phase must not take the next one's tasks for its own.
TEST(WorkerPool, PhasesOfAllLengthsFollowEachOther) {
  WorkerPool pool(3);
  std::vector<std::atomic<std::int64_t>> calls(40);
  for (std::int64_t phase = 1; phase <= 100'000; ++phase) {
    const std::int64_t count = phase % 2 == 0 ? 40 : 2 + phase % 7;
    for (std::int64_t task = 0; task < count; ++task) calls[static_cast<std::size_t>(task)] = 0;
    pool.run(count, [&](std::int64_t task, int /*thread*/) {
      ++calls.at(static_cast<std::size_t>(task));
    });
    for (std::int64_t task = 0; task < count; ++task) {
      ASSERT_EQ(calls[static_cast<std::size_t>(task)], 1) << phase << ' ' << task;
    }
  }
}

TEST(WorkerPool, ThreadsThatRunAtTheSameTimeHaveDifferentNumbers) {
  WorkerPool pool(4);
  std::vector<std::atomic<int>> running(4);
  for (int phase = 0; phase < 200; ++phase) {
    pool.run(64, [&](std::int64_t /*task*/, int thread) {
      auto& mine = running[static_cast<std::size_t>(thread)];
      EXPECT_EQ(mine.fetch_add(1), 0);
      mine.fetch_sub(1);
    });
  }
}

}  // namespace
}  // namespace lightmamba

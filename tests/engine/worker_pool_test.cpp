#include "engine/worker_pool.h"

#include <atomic>
#include <fstream>
#include <pthread.h>
#include <sys/resource.h>
#include <unistd.h>
#include <vector>

#include "support/errors.h"

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

#if defined(__linux__)

// Sets the size of the stacks of new threads.
void set_stack_bytes(std::size_t bytes) {
  pthread_attr_t attributes;
  pthread_attr_init(&attributes);
  pthread_attr_setstacksize(&attributes, bytes);
  EXPECT_EQ(pthread_setattr_default_np(&attributes), 0);
  pthread_attr_destroy(&attributes);
}

// There is room for the large stacks of two threads, but not of eight.
TEST(WorkerPool, ThreadsThatCannotBeStartedAreAnError) {
  constexpr std::size_t kStack = std::size_t{512} << 20;
  pthread_attr_t before;
  ASSERT_EQ(pthread_getattr_default_np(&before), 0);
  std::size_t usual = 0;
  pthread_attr_getstacksize(&before, &usual);
  pthread_attr_destroy(&before);
  rlimit unlimited{};
  ASSERT_EQ(getrlimit(RLIMIT_AS, &unlimited), 0);
  std::size_t pages = 0;
  std::ifstream("/proc/self/statm") >> pages;
  ASSERT_GT(pages, 0u);
  const rlimit small{pages * static_cast<std::size_t>(sysconf(_SC_PAGESIZE)) + 3 * kStack,
                     unlimited.rlim_max};
  set_stack_bytes(kStack);
  ASSERT_EQ(setrlimit(RLIMIT_AS, &small), 0);
  const std::string message = test::error_of([] { const WorkerPool pool(9); });
  setrlimit(RLIMIT_AS, &unlimited);
  set_stack_bytes(usual);
  EXPECT_THAT(message, ::testing::StartsWith("cannot start 9 threads: "));
}

#endif

}  // namespace
}  // namespace lightmamba

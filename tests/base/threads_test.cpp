#include "base/threads.h"

#include <atomic>
#include <gtest/gtest.h>
#include <stdexcept>
#include <vector>

#include "support/errors.h"

namespace lightmamba {
namespace {

constexpr std::int64_t kMuch = 1'000'000;

TEST(Threads, EveryIndexIsVisitedOnce) {
  for (const int threads : {1, 2, 5}) {
    set_thread_count(threads);
    EXPECT_EQ(thread_count(), threads);
    for (const std::int64_t count : {0, 1, 2, 1000}) {
      std::vector<std::atomic<int>> visits(static_cast<std::size_t>(count));
      parallel_for(count, kMuch, [&](std::int64_t i) { ++visits[static_cast<std::size_t>(i)]; });
      for (const auto& visit : visits) EXPECT_EQ(visit, 1);
    }
  }
  set_thread_count(0);
}

TEST(Threads, ANegativeNumberIsRefused) {
  set_thread_count(2);
  EXPECT_THAT(test::error_of([] { set_thread_count(-5); }), ::testing::HasSubstr("-5 threads"));
  EXPECT_EQ(thread_count(), 2);
  set_thread_count(0);
}

TEST(Threads, AnExceptionArrivesWhenNoCallIsRunning) {
  std::atomic<int> running = 0;
  EXPECT_THROW(parallel_for(100, kMuch,
                            [&](std::int64_t i) {
                              if (i == 3) throw std::runtime_error("three");
                              ++running;
                              --running;
                            }),
               std::runtime_error);
  EXPECT_EQ(running, 0);
}

TEST(Threads, InnerLoopsRun) {
  std::atomic<int> visits = 0;
  parallel_for(10, kMuch,
               [&](std::int64_t) { parallel_for(10, kMuch, [&](std::int64_t) { ++visits; }); });
  EXPECT_EQ(visits, 100);
}

}  // namespace
}  // namespace lightmamba

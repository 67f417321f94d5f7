#include "base/fair_mutex.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <thread>
#include <vector>

namespace lightmamba {
namespace {

TEST(FairMutex, ThreadsGetItInTheOrderInWhichTheyAsk) {
  FairMutex mutex;
  std::vector<int> order;
  std::vector<std::jthread> threads;
  mutex.lock();
  for (const int thread : {0, 1, 2}) {
    threads.emplace_back([&, thread] {
      const std::lock_guard lock(mutex);
      order.push_back(thread);
    });
    while (mutex.users() < static_cast<std::uint64_t>(thread) + 2) std::this_thread::yield();
  }
  // The thread that has it asks again at once, and is the last all the same.
  mutex.unlock();
  mutex.lock();
  order.push_back(3);
  mutex.unlock();
  threads.clear();
  EXPECT_THAT(order, ::testing::ElementsAre(0, 1, 2, 3));
}

TEST(FairMutex, OneThreadHasItAtATime) {
  FairMutex mutex;
  int count = 0;
  {
    std::vector<std::jthread> threads;
    threads.reserve(4);
    for (int thread = 0; thread < 4; ++thread) {
      threads.emplace_back([&] {
        for (int i = 0; i < 500; ++i) {
          const std::lock_guard lock(mutex);
          ++count;
        }
      });
    }
  }
  EXPECT_EQ(count, 2000);
  EXPECT_EQ(mutex.users(), 0u);
}

}  // namespace
}  // namespace lightmamba

// A mutex that threads get in the order in which they asked for it.
#pragma once

#include <condition_variable>
#include <cstdint>
#include <mutex>

namespace lightmamba {

// With std::mutex, a thread that unlocks and locks again at once can keep all others waiting.
class FairMutex {
 public:
  void lock() {
    std::unique_lock lock(mutex_);
    const std::uint64_t ticket = next_++;
    turns_.wait(lock, [&] { return turn_ == ticket; });
  }
  void unlock() {
    const std::lock_guard lock(mutex_);
    ++turn_;
    turns_.notify_all();
  }

  // The number of threads that have it or wait for it.
  std::uint64_t users() {
    const std::lock_guard lock(mutex_);
    return next_ - turn_;
  }

 private:
  std::mutex mutex_;
  std::condition_variable turns_;
  std::uint64_t next_ = 0;  // the ticket of the next thread that comes
  std::uint64_t turn_ = 0;  // the ticket of the thread that has it
};

}  // namespace lightmamba

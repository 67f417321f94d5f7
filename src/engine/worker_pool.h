// Threads that share the phases of a token, which last microseconds.
#pragma once

#include <atomic>
#include <cstdint>
#include <optional>
#include <thread>
#include <vector>

#include "base/affinity.h"

namespace lightmamba {

// Each thread, the calling one and threads - 1 workers, has an equal share of the tasks of a phase,
// and takes from the others' shares when it has run those, so that a delayed thread delays no more
// than one task. A share has consecutive tasks, since the data that a processor fetches ahead of
// one task then belong to its next. Waiting threads spin for some microseconds and then sleep. Only
// one thread may call it at a time.
class WorkerPool {
 public:
  // With `pin`, each thread stays on a processor of its own, and so does the calling thread until
  // the pool is destroyed. It has no effect if there are fewer processors than threads. Throws
  // Error if the system does not start as many threads.
  explicit WorkerPool(int threads, bool pin = false);
  ~WorkerPool();
  WorkerPool(const WorkerPool&) = delete;
  WorkerPool& operator=(const WorkerPool&) = delete;

  int threads() const { return static_cast<int>(workers_.size()) + 1; }

  // Calls body(task, thread) once for each task 0 ... count - 1, count < 2^31, and returns when all
  // are done. `thread` is below threads() and differs between calls that run at the same time.
  // `body` must not throw. Allocates nothing.
  template <typename Body>
  void run(std::int64_t count, const Body& body) {
    const auto call = [](const void* context, std::int64_t task, int thread) {
      (*static_cast<const Body*>(context))(task, thread);
    };
    run_phase(count, call, &body);
  }

 private:
  using Call = void (*)(const void* context, std::int64_t task, int thread);

  // The number of the phase in the upper half, the next task of a share in the lower. A claim
  // succeeds only if the phase is still the one whose fields were read: before they change, the
  // ticket becomes that of a phase without tasks, and a thread that sees the new count sees that
  // too.
  struct alignas(64) Share {
    std::atomic<std::uint64_t> ticket = 0;
  };

  void stop();
  void run_phase(std::int64_t count, Call call, const void* context);
  void work(int thread);
  void run_tasks(int thread);
  bool run_one(std::size_t share, int thread);
  std::int64_t share_begin(std::size_t share, std::int64_t count) const;

  alignas(64) std::atomic<std::int64_t> count_ = 0;
  std::atomic<Call> call_ = nullptr;
  std::atomic<const void*> context_ = nullptr;
  alignas(64) std::atomic<std::uint32_t> done_ = 0;
  std::atomic<std::uint32_t> phase_ = 0;  // sleeping workers wait for it to change
  std::atomic<bool> stop_ = false;
  std::optional<AffinityGuard> affinity_;
  std::vector<Share> shares_;  // for each thread
  std::vector<std::jthread> workers_;
};

}  // namespace lightmamba

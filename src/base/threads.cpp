#include "base/threads.h"

#include <memory>
#include <mutex>

#if defined(LIGHTMAMBA_THREAD_SANITIZER)
#include <atomic>
#include <exception>
#include <thread>
#include <vector>
#endif
#include <tbb/global_control.h>
#include <tbb/info.h>
#include <tbb/parallel_for.h>
#include <tbb/task_arena.h>

#include "base/fail.h"

namespace lightmamba {
namespace {

struct Limit {
  std::mutex mutex;
  std::unique_ptr<tbb::global_control> control;
};

Limit& limit() {
  static Limit limit;
  return limit;
}

#if defined(LIGHTMAMBA_THREAD_SANITIZER)
// ThreadSanitizer does not see inside the thread library; plain threads keep an order that it sees.
void share(std::int64_t count, const std::function<void(std::int64_t)>& body) {
  std::atomic<std::int64_t> next = 0;
  std::exception_ptr error;
  std::mutex error_mutex;
  const auto work = [&] {
    try {
      for (std::int64_t i = next++; i < count; i = next++) body(i);
    } catch (...) {
      const std::lock_guard lock(error_mutex);
      error = std::current_exception();
    }
  };
  {
    std::vector<std::jthread> threads;
    for (int i = 1; i < lightmamba::thread_count(); ++i) threads.emplace_back(work);
    work();
  }
  if (error) std::rethrow_exception(error);
}
#else
void share(std::int64_t count, const std::function<void(std::int64_t)>& body) {
  tbb::parallel_for(
      tbb::blocked_range<std::int64_t>(0, count),
      [&](const tbb::blocked_range<std::int64_t>& range) {
        for (std::int64_t i = range.begin(); i < range.end(); ++i) body(i);
      },
      tbb::simple_partitioner());
}
#endif

}  // namespace

void set_thread_count(int count) {
  if (count < 0) fail("{} threads: expected 0 or more", count);
  const auto threads =
      static_cast<std::size_t>(count > 0 ? count : tbb::info::default_concurrency());
  const std::lock_guard lock(limit().mutex);
  limit().control =
      std::make_unique<tbb::global_control>(tbb::global_control::max_allowed_parallelism, threads);
}

int thread_count() {
  return static_cast<int>(
      tbb::global_control::active_value(tbb::global_control::max_allowed_parallelism));
}

void parallel_for(std::int64_t count, std::int64_t operations,
                  const std::function<void(std::int64_t)>& body) {
  constexpr std::int64_t kWorthSharing = 50'000;  // some ten microseconds
  if (count < 2 || count * operations < kWorthSharing) {
    for (std::int64_t i = 0; i < count; ++i) body(i);
    return;
  }
  share(count, body);
}

void parallel_for_large(std::int64_t count, const std::function<void(std::int64_t)>& body) {
#if defined(LIGHTMAMBA_THREAD_SANITIZER)
  share(count, body);
#else
  share(count, [&](std::int64_t i) { tbb::this_task_arena::isolate([&] { body(i); }); });
#endif
}

}  // namespace lightmamba

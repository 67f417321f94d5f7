#include "base/threads.h"

#include <atomic>
#include <memory>
#include <tbb/global_control.h>
#include <tbb/info.h>
#include <tbb/parallel_for.h>

namespace lightmamba {
namespace {

// ThreadSanitizer does not see inside the thread library, so it is told of the order that the
// library keeps: what comes before the loop, the calls, what comes after it.
class Order {
 public:
  void before_call() const {
#if defined(LIGHTMAMBA_THREAD_SANITIZER)
    order_.load(std::memory_order_acquire);
#endif
  }
  void after_call() {
#if defined(LIGHTMAMBA_THREAD_SANITIZER)
    order_.fetch_add(1, std::memory_order_release);
#endif
  }

 private:
  std::atomic<int> order_ = 0;
};

std::unique_ptr<tbb::global_control>& limit() {
  static std::unique_ptr<tbb::global_control> control;
  return control;
}

}  // namespace

void set_thread_count(int count) {
  const auto threads =
      static_cast<std::size_t>(count > 0 ? count : tbb::info::default_concurrency());
  limit() =
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
  Order order;
  order.after_call();
  tbb::parallel_for(
      tbb::blocked_range<std::int64_t>(0, count),
      [&](const tbb::blocked_range<std::int64_t>& range) {
        order.before_call();
        for (std::int64_t i = range.begin(); i < range.end(); ++i) body(i);
        order.after_call();
      },
      tbb::simple_partitioner());
  order.before_call();
}

}  // namespace lightmamba

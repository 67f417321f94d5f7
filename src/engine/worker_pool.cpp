#include "engine/worker_pool.h"

namespace lightmamba {
namespace {

constexpr int kTaskBits = 32;
constexpr std::uint64_t kTaskMask = (std::uint64_t{1} << kTaskBits) - 1;
// Some ten microseconds: longer than between two phases of a token, shorter than a time slice.
constexpr int kSpins = 2000;

void pause() {
#if defined(__x86_64__)
  __builtin_ia32_pause();
#else
  std::this_thread::yield();
#endif
}

// Until `value` is no longer `old`.
template <typename T>
void wait_for_change(const std::atomic<T>& value, T old) {
  for (int i = 0; i < kSpins; ++i) {
    if (value.load(std::memory_order_acquire) != old) return;
    pause();
  }
  value.wait(old, std::memory_order_acquire);
}

}  // namespace

WorkerPool::WorkerPool(int threads, bool pin) {
  std::vector<int> processors;
  if (pin) processors = allowed_processors();
  if (std::ssize(processors) < threads) processors.clear();
  for (int thread = 1; thread < threads; ++thread) {
    workers_.emplace_back([this, thread, processors] {
      if (!processors.empty()) pin_this_thread(processors[static_cast<std::size_t>(thread)]);
      work(thread);
    });
  }
  if (!processors.empty()) affinity_.emplace(processors.front());
}

WorkerPool::~WorkerPool() {
  stop_ = true;
  ++phase_;
  phase_.notify_all();
}

void WorkerPool::run_phase(std::int64_t count, Call call, const void* context) {
  if (count < 2 || workers_.empty()) {
    for (std::int64_t task = 0; task < count; ++task) call(context, task, 0);
    return;
  }
  std::uint64_t ticket = ((ticket_.load(std::memory_order_relaxed) >> kTaskBits) + 1) << kTaskBits;
  ticket_.store(ticket | kTaskMask, std::memory_order_relaxed);
  call_.store(call, std::memory_order_relaxed);
  context_.store(context, std::memory_order_relaxed);
  done_.store(0, std::memory_order_relaxed);
  count_.store(count, std::memory_order_release);
  ticket_.store(ticket, std::memory_order_release);
  phase_.fetch_add(1, std::memory_order_release);
  phase_.notify_all();
  while (run_one(ticket, 0)) {
  }
  for (std::uint32_t done = done_.load(std::memory_order_acquire);
       done != static_cast<std::uint32_t>(count); done = done_.load(std::memory_order_acquire)) {
    wait_for_change(done_, done);
  }
}

// Claims and runs one task of the current phase, if there is one left.
bool WorkerPool::run_one(std::uint64_t& ticket, int thread) {
  ticket = ticket_.load(std::memory_order_acquire);
  for (;;) {
    const std::int64_t count = count_.load(std::memory_order_acquire);
    const Call call = call_.load(std::memory_order_relaxed);
    const void* context = context_.load(std::memory_order_relaxed);
    const auto task = static_cast<std::int64_t>(ticket & kTaskMask);
    if (task >= count) return false;
    if (!ticket_.compare_exchange_weak(ticket, ticket + 1, std::memory_order_acq_rel,
                                       std::memory_order_acquire)) {
      continue;
    }
    call(context, task, thread);
    if (done_.fetch_add(1, std::memory_order_release) + 1 == static_cast<std::uint32_t>(count)) {
      done_.notify_one();
    }
    return true;
  }
}

void WorkerPool::work(int thread) {
  std::uint64_t ticket = 0;
  for (std::uint32_t seen = 0;;) {
    wait_for_change(phase_, seen);
    seen = phase_.load(std::memory_order_acquire);
    if (stop_) return;
    while (run_one(ticket, thread)) {
    }
  }
}

}  // namespace lightmamba

#include "engine/worker_pool.h"

#include <system_error>

#include "base/fail.h"

namespace lightmamba {
namespace {

constexpr int kTaskBits = 32;
constexpr std::uint64_t kTaskMask = (std::uint64_t{1} << kTaskBits) - 1;
// Some ten microseconds: longer than the time between two phases of a token, shorter than a time
// slice.
constexpr int kSpins = 2000;

void pause() {
#if defined(__x86_64__)
  __builtin_ia32_pause();
#else
  std::this_thread::yield();
#endif
}

// Waits until `value` is no longer `old`.
template <typename T>
void wait_for_change(const std::atomic<T>& value, T old) {
  for (int i = 0; i < kSpins; ++i) {
    if (value.load(std::memory_order_acquire) != old) return;
    pause();
  }
  value.wait(old, std::memory_order_acquire);
}

}  // namespace

WorkerPool::WorkerPool(int threads, bool pin) : shares_(static_cast<std::size_t>(threads)) {
  std::vector<int> processors;
  if (pin) processors = allowed_processors();
  if (std::ssize(processors) < threads) processors.clear();
  try {
    workers_.reserve(shares_.size());
    for (int thread = 1; thread < threads; ++thread) {
      workers_.emplace_back([this, thread, processors] {
        if (!processors.empty()) pin_this_thread(processors[static_cast<std::size_t>(thread)]);
        work(thread);
      });
    }
    if (!processors.empty()) affinity_.emplace(processors.front());
  } catch (const std::system_error& error) {
    stop();
    fail("cannot start {} threads: {}", threads, error.code().message());
  } catch (...) {
    stop();
    throw;
  }
}

WorkerPool::~WorkerPool() { stop(); }

// Lets the workers end, which their destructors wait for.
void WorkerPool::stop() {
  stop_ = true;
  ++phase_;
  phase_.notify_all();
}

void WorkerPool::run_phase(std::int64_t count, Call call, const void* context) {
  if (count < 2 || workers_.empty()) {
    for (std::int64_t task = 0; task < count; ++task) call(context, task, 0);
    return;
  }
  const std::uint64_t phase = (shares_.front().ticket.load(std::memory_order_relaxed) >> kTaskBits)
                              << kTaskBits;
  const std::uint64_t next = phase + kTaskMask + 1;
  for (Share& share : shares_) share.ticket.store(next | kTaskMask, std::memory_order_relaxed);
  call_.store(call, std::memory_order_release);
  context_.store(context, std::memory_order_release);
  done_.store(0, std::memory_order_relaxed);
  count_.store(count, std::memory_order_release);
  for (std::size_t share = 0; share < shares_.size(); ++share) {
    shares_[share].ticket.store(next | static_cast<std::uint64_t>(share_begin(share, count)),
                                std::memory_order_release);
  }
  phase_.fetch_add(1, std::memory_order_release);
  phase_.notify_all();
  run_tasks(0);
  for (std::uint32_t done = done_.load(std::memory_order_acquire);
       done != static_cast<std::uint32_t>(count); done = done_.load(std::memory_order_acquire)) {
    wait_for_change(done_, done);
  }
}

std::int64_t WorkerPool::share_begin(std::size_t share, std::int64_t count) const {
  return count * static_cast<std::int64_t>(share) / std::ssize(shares_);
}

// Runs the remaining tasks of the current phase: the thread's own share first.
void WorkerPool::run_tasks(int thread) {
  const auto own = static_cast<std::size_t>(thread);
  for (std::size_t i = 0; i < shares_.size(); ++i) {
    while (run_one((own + i) % shares_.size(), thread)) {
    }
  }
}

// Claims and runs one task of a share, if there is one left.
bool WorkerPool::run_one(std::size_t share, int thread) {
  std::atomic<std::uint64_t>& next = shares_[share].ticket;
  std::uint64_t ticket = next.load(std::memory_order_acquire);
  for (;;) {
    const std::int64_t count = count_.load(std::memory_order_acquire);
    const Call call = call_.load(std::memory_order_acquire);
    const void* context = context_.load(std::memory_order_acquire);
    const auto task = static_cast<std::int64_t>(ticket & kTaskMask);
    if (task >= share_begin(share + 1, count)) return false;
    if (!next.compare_exchange_weak(ticket, ticket + 1, std::memory_order_acq_rel,
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
  for (std::uint32_t seen = 0;;) {
    wait_for_change(phase_, seen);
    seen = phase_.load(std::memory_order_acquire);
    if (stop_) return;
    run_tasks(thread);
  }
}

}  // namespace lightmamba

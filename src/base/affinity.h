// Which processors a thread runs on. Does nothing where the system has no such thing.
#pragma once

#include <thread>
#include <vector>

namespace lightmamba {

// Those that the calling thread may run on, in ascending order; empty where that is not known.
std::vector<int> allowed_processors();

void pin_this_thread(int processor);

// Keeps the calling thread on a processor; afterwards that thread, if it still runs, may use those
// that it could use before.
class AffinityGuard {
 public:
  explicit AffinityGuard(int processor);
  ~AffinityGuard();
  AffinityGuard(const AffinityGuard&) = delete;
  AffinityGuard& operator=(const AffinityGuard&) = delete;

 private:
  std::vector<int> before_;
  std::thread::id thread_;
};

}  // namespace lightmamba

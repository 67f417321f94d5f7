// Chooses the processors that a thread runs on. Has no effect on systems without such a choice.
#pragma once

#include <thread>
#include <vector>

namespace lightmamba {

// The processors that the calling thread may run on, in ascending order; empty if they are not
// known.
std::vector<int> allowed_processors();

void pin_this_thread(int processor);

// Keeps the calling thread on a processor during its lifetime. Afterwards the thread, if it still
// runs, may use the same processors as before.
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

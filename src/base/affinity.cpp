#include "base/affinity.h"

#if defined(__linux__)
#include <pthread.h>
#include <sched.h>
#endif

namespace lightmamba {
namespace {

void allow(const std::vector<int>& processors) {
#if defined(__linux__)
  cpu_set_t set;
  CPU_ZERO(&set);
  for (const int processor : processors) CPU_SET(processor, &set);
  pthread_setaffinity_np(pthread_self(), sizeof set, &set);
#else
  static_cast<void>(processors);
#endif
}

}  // namespace

std::vector<int> allowed_processors() {
  std::vector<int> processors;
#if defined(__linux__)
  cpu_set_t set;
  CPU_ZERO(&set);
  if (pthread_getaffinity_np(pthread_self(), sizeof set, &set) != 0) return {};
  for (int processor = 0; processor < CPU_SETSIZE; ++processor) {
    if (CPU_ISSET(processor, &set)) processors.push_back(processor);
  }
#endif
  return processors;
}

void pin_this_thread(int processor) { allow({processor}); }

AffinityGuard::AffinityGuard(int processor)
    : before_(allowed_processors()), thread_(std::this_thread::get_id()) {
  pin_this_thread(processor);
}

AffinityGuard::~AffinityGuard() {
  if (!before_.empty() && std::this_thread::get_id() == thread_) allow(before_);
}

}  // namespace lightmamba

#include "base/threads.h"

#include <exception>
#include <omp.h>

namespace lightmamba {

void set_thread_count(int count) { omp_set_num_threads(count > 0 ? count : omp_get_num_procs()); }

int thread_count() { return omp_get_max_threads(); }

void parallel_for(std::int64_t count, std::int64_t operations,
                  const std::function<void(std::int64_t)>& body) {
  constexpr std::int64_t kWorthSharing = 50'000;  // some ten microseconds
  if (count < 2 || count * operations < kWorthSharing || omp_in_parallel()) {
    for (std::int64_t i = 0; i < count; ++i) body(i);
    return;
  }
  std::exception_ptr error;
#pragma omp parallel for schedule(dynamic)
  for (std::int64_t i = 0; i < count; ++i) {
    try {
      body(i);
    } catch (...) {
#pragma omp critical(lightmamba_parallel_for)
      if (!error) error = std::current_exception();
    }
  }
  if (error) std::rethrow_exception(error);
}

}  // namespace lightmamba

#include "base/threads.h"

#include <exception>
#include <omp.h>

namespace lightmamba {

void set_thread_count(int count) { omp_set_num_threads(count > 0 ? count : omp_get_num_procs()); }

int thread_count() { return omp_get_max_threads(); }

void parallel_for(std::int64_t count, const std::function<void(std::int64_t)>& body) {
  if (count == 1) return body(0);
  std::exception_ptr error;
#pragma omp parallel for schedule(dynamic) if (count > 1 && !omp_in_parallel())
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

// Parallel loops. Results must not depend on the number of threads: split work by shape, never by
// thread count.
#pragma once

#include <cstdint>
#include <functional>

namespace lightmamba {

// Threads used by parallel loops started from this thread; 0 means one for each processor.
void set_thread_count(int count);
int thread_count();

// Calls body(0) ... body(count - 1), each once, in any order, from several threads. The first
// exception is rethrown after all calls have ended. Loops do not nest: an inner one runs serially,
// and so does one whose calls of `operations` each are too little work to share.
void parallel_for(std::int64_t count, std::int64_t operations,
                  const std::function<void(std::int64_t)>& body);

}  // namespace lightmamba

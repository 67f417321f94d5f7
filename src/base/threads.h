// Parallel loops. Results must not depend on the number of threads: split work by shape, never by
// thread count.
#pragma once

#include <cstdint>
#include <functional>

#include <lightmamba/runtime.h>

namespace lightmamba {

// Calls body(0) ... body(count - 1), each once, in any order, from several threads. The first
// exception is rethrown once no call is running; the remaining calls may be skipped. A loop with
// too little work to share, at `operations` for each call, runs on the calling thread. `body` must
// not use thread-local storage across an inner loop.
void parallel_for(std::int64_t count, std::int64_t operations,
                  const std::function<void(std::int64_t)>& body);

// Does the same for large bodies that hold parallel loops of their own. A thread that waits for an
// inner loop takes no other call of `body` meanwhile, so no more calls run at once than there are
// threads, which bounds their memory.
void parallel_for_large(std::int64_t count, const std::function<void(std::int64_t)>& body);

}  // namespace lightmamba

// Parallel loops. Results must not depend on the number of threads: split work by shape, never by
// thread count.
#pragma once

#include <cstdint>
#include <functional>

#include <lightmamba/runtime.h>

namespace lightmamba {

// Calls body(0) ... body(count - 1), each once, in any order, from several threads. The first
// exception is rethrown once no call is running; the rest may be left out. A loop whose calls of
// `operations` each are too little work to share runs on the calling thread. `body` must not use
// thread-local storage across an inner loop.
void parallel_for(std::int64_t count, std::int64_t operations,
                  const std::function<void(std::int64_t)>& body);

// The same for large bodies that hold parallel loops of their own: a thread that waits for one of
// those takes no other call of `body` meanwhile, so that no more calls are under way than there are
// threads, each with its memory.
void parallel_for_large(std::int64_t count, const std::function<void(std::int64_t)>& body);

}  // namespace lightmamba

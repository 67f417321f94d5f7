// Counts what the whole process allocates with operator new.
#pragma once

#include <cstdint>

namespace lightmamba::test {

// False under sanitizers, which have their own operator new.
bool counts_allocations();
std::int64_t allocations();

}  // namespace lightmamba::test

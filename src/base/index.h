// An index into a container from a signed count, as the shapes of a model are.
#pragma once

#include <cstddef>
#include <cstdint>

namespace lightmamba {

inline std::size_t at(std::int64_t index) { return static_cast<std::size_t>(index); }

}  // namespace lightmamba

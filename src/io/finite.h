// Checks that the numbers of a tensor are finite.
#pragma once

#include <cstddef>
#include <optional>
#include <string>

#include "io/tensor.h"

namespace lightmamba {

// Finds the first element of a tensor of a floating type that is no finite number as a float: NaN,
// infinity, or a double beyond the range of a float. Reads the data once, on all threads.
std::optional<std::size_t> first_not_finite(const Tensor& tensor);

// Throws Error "WHAT: element [2, 7] is nan, not a finite number" for that element.
void require_finite(const Tensor& tensor, const std::string& what);

}  // namespace lightmamba

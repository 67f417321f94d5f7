// Named tensors of a checkpoint file: views into the mapped file wherever that is possible.
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "base/dtype.h"

namespace lightmamba {

using Shape = std::vector<std::int64_t>;

// Dense and row-major. `data` may lie at any alignment and lives as long as `owner`.
struct Tensor {
  DType dtype = DType::f32;
  Shape shape;
  std::span<const std::byte> data;
  std::shared_ptr<const void> owner;
};

using TensorMap = std::map<std::string, Tensor, std::less<>>;

std::string shape_string(const Shape& shape);  // "[2, 3]"

// Number of elements, or Error if a dimension is negative or the bytes of the tensor would
// overflow.
std::size_t element_count(const Shape& shape, DType dtype);

}  // namespace lightmamba

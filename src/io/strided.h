// Makes dense tensors from strided ones.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>

#include "io/tensor.h"

namespace lightmamba {

// The places of a tensor's elements in its storage, counted in elements as PyTorch does.
struct StridedLayout {
  std::int64_t offset = 0;
  Shape shape;
  Shape strides;
};

// Returns the tensor of `layout` in `storage`, which `owner` keeps alive: a view if it is dense and
// row-major there, else a copy. Copies are taken out of `copy_budget` (in bytes), since a stride of
// 0 lets a file of a few bytes ask for any amount of memory. Throws Error if the layout has a
// negative number, leaves the storage or exceeds the budget.
Tensor strided_tensor(DType dtype, const StridedLayout& layout, std::span<const std::byte> storage,
                      std::shared_ptr<const void> owner, std::size_t& copy_budget);

}  // namespace lightmamba

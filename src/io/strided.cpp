#include "io/strided.h"

#include <algorithm>
#include <cstring>
#include <utility>

#include "base/buffer.h"
#include "base/fail.h"

namespace lightmamba {
namespace {

// Returns the index one past the last element that is used, for a layout without empty dimensions.
std::int64_t extent(const StridedLayout& layout) {
  std::int64_t last = layout.offset;
  for (std::size_t i = 0; i < layout.shape.size(); ++i) {
    std::int64_t span = 0;
    if (__builtin_mul_overflow(layout.shape[i] - 1, layout.strides[i], &span) ||
        __builtin_add_overflow(last, span, &last)) {
      fail("shape {} with strides {} is too large", shape_string(layout.shape),
           shape_string(layout.strides));
    }
  }
  if (__builtin_add_overflow(last, 1, &last)) fail("offset {} is too large", layout.offset);
  return last;
}

// Returns how many dimensions remain when the dense ones at the end count as one run of elements.
// Strides of dimensions of size 1 mean nothing.
std::size_t outer_dims(const StridedLayout& layout) {
  std::int64_t dense_stride = 1;
  std::size_t dims = layout.shape.size();
  for (; dims > 0; --dims) {
    const std::int64_t size = layout.shape[dims - 1];
    if (size != 1 && layout.strides[dims - 1] != dense_stride) break;
    dense_stride *= size;
  }
  return dims;
}

void gather(const StridedLayout& layout, std::size_t outer, std::size_t element_size,
            const std::byte* storage, std::span<std::byte> out) {
  std::size_t run = element_size;
  for (std::size_t i = outer; i < layout.shape.size(); ++i) {
    run *= static_cast<std::size_t>(layout.shape[i]);
  }
  Shape index(outer, 0);
  std::int64_t position = layout.offset;
  for (std::size_t done = 0; done < out.size(); done += run) {
    std::memcpy(out.data() + done, storage + static_cast<std::size_t>(position) * element_size,
                run);
    for (std::size_t dim = outer; dim-- > 0;) {
      if (++index[dim] < layout.shape[dim]) {
        position += layout.strides[dim];
        break;
      }
      position -= (layout.shape[dim] - 1) * layout.strides[dim];
      index[dim] = 0;
    }
  }
}

}  // namespace

Tensor strided_tensor(DType dtype, const StridedLayout& layout, std::span<const std::byte> storage,
                      std::shared_ptr<const void> owner, std::size_t& copy_budget) {
  if (layout.shape.size() != layout.strides.size()) {
    fail("shape {} and strides {} differ in length", shape_string(layout.shape),
         shape_string(layout.strides));
  }
  if (layout.offset < 0) fail("the storage offset {} is negative", layout.offset);
  if (std::any_of(layout.strides.begin(), layout.strides.end(), [](auto s) { return s < 0; })) {
    fail("strides {} have a negative number", shape_string(layout.strides));
  }
  const std::size_t size = dtype_size(dtype);
  const std::size_t bytes = element_count(layout.shape, dtype) * size;
  Tensor tensor = {.dtype = dtype, .shape = layout.shape, .data = {}, .owner = std::move(owner)};
  if (bytes == 0) return tensor;

  const std::int64_t end = extent(layout);
  if (static_cast<std::uint64_t>(end) > storage.size() / size) {
    fail("shape {} with strides {} at offset {} needs {} elements, its storage has {}",
         shape_string(layout.shape), shape_string(layout.strides), layout.offset, end,
         storage.size() / size);
  }
  const std::size_t outer = outer_dims(layout);
  if (outer == 0) {
    tensor.data = storage.subspan(static_cast<std::size_t>(layout.offset) * size, bytes);
    return tensor;
  }
  if (bytes > copy_budget) {
    fail("shape {} with strides {} would be copied to {} bytes, out of proportion to the file",
         shape_string(layout.shape), shape_string(layout.strides), bytes);
  }
  copy_budget -= bytes;
  const auto copy = std::make_shared<AlignedVector<std::byte>>(bytes);
  gather(layout, outer, size, storage.data(), *copy);
  tensor.data = *copy;
  tensor.owner = copy;
  return tensor;
}

}  // namespace lightmamba

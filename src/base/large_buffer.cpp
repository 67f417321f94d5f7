#include "base/large_buffer.h"

#include <sys/mman.h>
#include <utility>

#include "base/fail.h"

namespace lightmamba {

LargeBuffer::LargeBuffer(std::size_t size) {
  if (size == 0) return;
  void* const address =
      ::mmap(nullptr, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (address == MAP_FAILED) fail("there is no memory for {} bytes", size);
#if defined(MADV_HUGEPAGE)
  ::madvise(address, size, MADV_HUGEPAGE);
#endif
  bytes_ = {static_cast<std::byte*>(address), size};
}

LargeBuffer::~LargeBuffer() {
  if (!bytes_.empty()) ::munmap(bytes_.data(), bytes_.size());
}

LargeBuffer::LargeBuffer(LargeBuffer&& other) noexcept : bytes_(std::exchange(other.bytes_, {})) {}

LargeBuffer& LargeBuffer::operator=(LargeBuffer&& other) noexcept {
  std::swap(bytes_, other.bytes_);
  return *this;
}

}  // namespace lightmamba

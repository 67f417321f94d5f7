// Memory for gigabytes that are read again and again.
#pragma once

#include <cstddef>
#include <span>

namespace lightmamba {

// Bytes in the system's large pages if it has them, so that reading them costs fewer walks through
// page tables. Aligned to a page; zero at first.
class LargeBuffer {
 public:
  LargeBuffer() = default;
  // Throws Error if there is no such memory.
  explicit LargeBuffer(std::size_t size);
  ~LargeBuffer();
  LargeBuffer(LargeBuffer&& other) noexcept;
  LargeBuffer& operator=(LargeBuffer&& other) noexcept;

  std::span<std::byte> bytes() const { return bytes_; }

 private:
  std::span<std::byte> bytes_;
};

}  // namespace lightmamba

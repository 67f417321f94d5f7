// Memory for gigabytes that are read over and over.
#pragma once

#include <cstddef>
#include <span>

namespace lightmamba {

// Bytes in the system's large pages where it has them: reading them all the time then costs fewer
// walks through page tables. Aligned to a page; zero at first.
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

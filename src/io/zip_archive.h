// The stored entries of a zip archive (zip64 too) in memory. Debian's minizip does not read the
// 64-bit fields of entries beyond 4 GiB, and no entry needs inflating, so this is our own reader.
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace lightmamba {

// A view: the bytes must outlive it.
class ZipArchive {
 public:
  // Throws Error if the bytes are no zip archive, its directory is damaged or a name occurs twice.
  explicit ZipArchive(std::span<const std::byte> bytes);

  std::vector<std::string_view> names() const;  // in ascending order
  bool contains(std::string_view name) const { return entries_.find(name) != entries_.end(); }

  // Returns the bytes of an entry in place. Throws Error if it is compressed or encrypted, or does
  // not lie within the file. The checksum is not verified, since that would read all of the data.
  std::span<const std::byte> view(std::string_view name) const;

 private:
  struct Entry {
    std::uint64_t flags = 0;
    std::uint64_t method = 0;
    std::uint64_t compressed_size = 0;
    std::uint64_t size = 0;
    std::uint64_t header_at = 0;
  };

  std::span<const std::byte> bytes_;
  std::map<std::string_view, Entry> entries_;  // the names lie in bytes_
};

}  // namespace lightmamba

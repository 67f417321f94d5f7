// The entries of a zip archive (zip64 too) in memory.
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <minizip/unzip.h>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace lightmamba {

// A view: the bytes must outlive it. Not for use from several threads at once.
class ZipArchive {
 public:
  // Error if the bytes are no zip archive, its directory is damaged or a name occurs twice.
  explicit ZipArchive(std::span<const std::byte> bytes);
  ~ZipArchive();
  ZipArchive(const ZipArchive&) = delete;
  ZipArchive& operator=(const ZipArchive&) = delete;

  std::vector<std::string_view> names() const;  // in ascending order
  bool contains(std::string_view name) const { return entries_.find(name) != entries_.end(); }

  // The bytes of an entry where they lie; Error if it is compressed. The checksum is not verified,
  // since that would read all of the data.
  std::span<const std::byte> view(std::string_view name) const;

  // A copy of an entry, inflated if need be; Error if that is more than `limit` bytes.
  std::vector<std::byte> read(std::string_view name, std::size_t limit) const;

 private:
  struct Entry {
    unz64_file_pos position = {};
    std::uint64_t compressed_size = 0;
    std::uint64_t size = 0;
    bool encrypted = false;
    std::uint64_t method = 0;
  };
  // What minizip reads from.
  struct Source {
    std::span<const std::byte> bytes;
    std::uint64_t position = 0;
  };
  struct SourceFunctions;

  void read_directory();
  const Entry& find(std::string_view name) const;

  Source source_;
  unzFile file_ = nullptr;
  std::map<std::string, Entry, std::less<>> entries_;
};

}  // namespace lightmamba

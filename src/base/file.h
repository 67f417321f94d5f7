// Files: mapped for reading, replaced as a whole when written. A Git LFS pointer in place of a file
// is refused.
#pragma once

#include <cstddef>
#include <filesystem>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <utility>

#include "base/file_descriptor.h"

namespace lightmamba {

// A read-only view of a file's bytes, shared with the page cache. Throws Error naming the file when
// it cannot be opened, is not a regular file, or cannot be mapped, or is a Git LFS pointer. An
// empty file has no bytes.
class MappedFile {
 public:
  static std::shared_ptr<const MappedFile> open(const std::filesystem::path& path);
  ~MappedFile();
  MappedFile(const MappedFile&) = delete;
  MappedFile& operator=(const MappedFile&) = delete;

  std::span<const std::byte> bytes() const { return bytes_; }

  // Copies a part of bytes() to memory of the same size without mapping its pages, which then do
  // not count as this process's memory. Throws Error if the file has become shorter or cannot be
  // read; its text does not name the file. Safe to call from several threads.
  void read(std::span<const std::byte> part, std::span<std::byte> to) const;

 private:
  MappedFile(const std::filesystem::path& path, FileDescriptor fd)
      : path_(path), fd_(std::move(fd)) {}
  friend struct MappedFiles;
  std::string path_;
  FileDescriptor fd_;
  std::span<const std::byte> bytes_;
};

// Makes the process end with `exit_code` and an error that names the file when it reads bytes that
// a mapped file has lost; by default the system ends it by SIGBUS. Only a program may call this: a
// library must not decide it.
void exit_where_mapped_files_end(int exit_code);

// The largest number of bytes that is read into memory at once.
inline constexpr std::size_t kLargestText = std::size_t{1} << 30;

// Reads a whole regular file. Throws Error that names the file, also if it is larger than
// kLargestText.
std::string read_text_file(const std::filesystem::path& path);

// Does the same for an input of the user, which may be a pipe; "-" is standard input.
std::string read_input(const std::filesystem::path& path);

// Writes a file that appears under `path` only when all of it is on disk: `write` is called with an
// append function; if it throws, or the disk is full, nothing is left behind and an existing file
// keeps its content. A symbolic link stays, and its target is replaced. Throws Error naming the
// file, also if it exists and is not a regular one.
using AppendBytes = std::function<void(std::span<const std::byte>)>;
void write_file_atomically(const std::filesystem::path& path,
                           const std::function<void(const AppendBytes&)>& write);

// Throws Error if write_file_atomically() could not even begin: where something else than a regular
// file is, or where the directory is missing or takes no file. Leaves nothing behind.
void require_place_for_file(const std::filesystem::path& path);

}  // namespace lightmamba

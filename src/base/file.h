// Files: mapped for reading, replaced as a whole when written. What is read must be the file itself
// and not the pointer that Git LFS leaves in its place.
#pragma once

#include <cstddef>
#include <filesystem>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <string_view>

namespace lightmamba {

// A read-only view of a file's bytes, shared with the page cache. Throws Error naming the file when
// it cannot be opened, is not a regular file, or cannot be mapped, or is a Git LFS pointer. An
// empty file gives no bytes.
class MappedFile {
 public:
  static std::shared_ptr<const MappedFile> open(const std::filesystem::path& path);
  ~MappedFile();
  MappedFile(const MappedFile&) = delete;
  MappedFile& operator=(const MappedFile&) = delete;

  std::span<const std::byte> bytes() const { return bytes_; }

 private:
  explicit MappedFile(const std::filesystem::path& path) : path_(path) {}
  friend struct MappedFiles;
  std::string path_;
  std::span<const std::byte> bytes_;
};

// Whether the bytes are part of a mapped file. If so, their pages no longer count as this process's
// memory until they are read again.
bool give_back_mapped_pages(std::span<const std::byte> bytes);

// From now on the process ends with exit code `exit_code` and an error that names the file when it
// reads what a mapped file no longer has, where the system would end it by SIGBUS. For programs: a
// library must not decide that.
void exit_where_mapped_files_end(int exit_code);

// The most that is read into memory at once.
inline constexpr std::size_t kLargestText = std::size_t{1} << 30;

// The whole of a regular file. Throws Error naming the file, also if it is larger than
// kLargestText.
std::string read_text_file(const std::filesystem::path& path);

// The same for what a user hands over as input, which may be a pipe; "-" is standard input.
std::string read_input(const std::filesystem::path& path);

// Writes a file that appears under `path` only when all of it is on disk: `write` is called with an
// append function; if it throws, or the disk is full, nothing is left behind and an existing file
// keeps its content. A symbolic link stays, and its target is replaced. Throws Error naming the
// file, also if it exists and is not a regular one.
using AppendBytes = std::function<void(std::span<const std::byte>)>;
void write_file_atomically(const std::filesystem::path& path,
                           const std::function<void(const AppendBytes&)>& write);

}  // namespace lightmamba

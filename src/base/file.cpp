#include "base/file.h"

#include <array>
#include <atomic>
#include <cerrno>
#include <csignal>
#include <cstdlib>
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <system_error>
#include <unistd.h>
#include <utility>

#include "base/fail.h"
#include "base/file_descriptor.h"
#include "base/lfs_pointer.h"

namespace lightmamba {
namespace {

struct RegularFile {
  FileDescriptor fd;
  std::size_t size;
};

// Does not wait for a writer, as opening a pipe otherwise would.
RegularFile open_regular(const std::filesystem::path& path) {
  FileDescriptor fd(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK));
  if (fd.get() < 0) fail("{}: cannot open: {}", path, system_message(errno));
  struct stat status {};
  if (::fstat(fd.get(), &status) != 0) fail("{}: cannot stat: {}", path, system_message(errno));
  if (!S_ISREG(status.st_mode)) fail("{}: not a regular file", path);
  return {std::move(fd), static_cast<std::size_t>(status.st_size)};
}

std::string read_all(int fd, const std::string& source) {
  std::string text;
  std::string block(1 << 16, '\0');
  for (;;) {
    const ssize_t count = ::read(fd, block.data(), block.size());
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) fail("{}: cannot read: {}", source, system_message(errno));
    if (count == 0) return text;
    text.append(block.data(), static_cast<std::size_t>(count));
    if (text.size() > kLargestText) fail("{}: more than {} bytes", source, kLargestText);
  }
}

// A file that is removed again unless it was moved to its final name.
class TemporaryFile {
 public:
  explicit TemporaryFile(const std::filesystem::path& target)
      : name_(target.string() + ".XXXXXX"), fd_(::mkostemp(name_.data(), O_CLOEXEC)) {
    if (fd_.get() < 0) fail("{}: cannot create: {}", target, system_message(errno));
  }
  ~TemporaryFile() {
    if (!name_.empty()) ::unlink(name_.c_str());
  }
  TemporaryFile(const TemporaryFile&) = delete;
  TemporaryFile& operator=(const TemporaryFile&) = delete;

  void append(std::span<const std::byte> bytes) {
    while (!bytes.empty()) {
      const ssize_t written = ::write(fd_.get(), bytes.data(), bytes.size());
      if (written < 0 && errno == EINTR) continue;
      if (written < 0) fail("cannot write: {}", system_message(errno));
      bytes = bytes.subspan(static_cast<std::size_t>(written));
    }
  }
  void move_to(const std::filesystem::path& target) {
    const mode_t mask = ::umask(0);
    ::umask(mask);
    if (::fchmod(fd_.get(), 0666 & ~mask) != 0 || ::fsync(fd_.get()) != 0 || fd_.close() != 0) {
      fail("cannot write: {}", system_message(errno));
    }
    if (::rename(name_.c_str(), target.c_str()) != 0)
      fail("cannot rename: {}", system_message(errno));
    name_.clear();
  }

 private:
  std::string name_;
  FileDescriptor fd_;
};

}  // namespace

// The mapped files, for a signal handler, which may neither wait nor allocate. Files beyond the
// size of the table are not in it.
struct MappedFiles {
  static constexpr std::size_t kMax = 256;
  static std::array<std::atomic<const MappedFile*>, kMax> files;
  static std::atomic<int> exit_code;

  static void replace(const MappedFile* old, const MappedFile* now) {
    for (std::atomic<const MappedFile*>& file : files) {
      const MappedFile* expected = old;
      if (file.compare_exchange_strong(expected, now)) return;
    }
  }

  // Returns the file that has all of the bytes, or null.
  static const MappedFile* with(std::span<const std::byte> bytes) {
    for (const std::atomic<const MappedFile*>& entry : files) {
      const MappedFile* file = entry.load();
      if (file != nullptr && bytes.data() >= file->bytes_.data() &&
          bytes.data() + bytes.size() <= file->bytes_.data() + file->bytes_.size()) {
        return file;
      }
    }
    return nullptr;
  }

  static void handle(int /*signal*/, siginfo_t* info, void* /*context*/) {
    say("error: ");
    if (const auto* file = with({static_cast<const std::byte*>(info->si_addr), 1})) {
      say(file->path_);
      say(": ");
    }
    say("the file has become shorter while it was used, or cannot be read\n");
    ::_exit(exit_code);
  }

  static void say(std::string_view text) {
    [[maybe_unused]] const ssize_t written = ::write(STDERR_FILENO, text.data(), text.size());
  }
};
std::array<std::atomic<const MappedFile*>, MappedFiles::kMax> MappedFiles::files = {};
std::atomic<int> MappedFiles::exit_code = 1;

void exit_where_mapped_files_end(int exit_code) {
  MappedFiles::exit_code = exit_code;
  struct sigaction action = {};
  action.sa_sigaction = MappedFiles::handle;
  action.sa_flags = SA_SIGINFO;
  ::sigaction(SIGBUS, &action, nullptr);
}

std::shared_ptr<const MappedFile> MappedFile::open(const std::filesystem::path& path) {
  auto [fd, size] = open_regular(path);
  std::shared_ptr<MappedFile> file(new MappedFile(path, std::move(fd)));
  if (size > 0) {
    void* address = ::mmap(nullptr, size, PROT_READ, MAP_PRIVATE, file->fd_.get(), 0);
    if (address == MAP_FAILED) fail("{}: cannot map: {}", path, system_message(errno));
    file->bytes_ = {static_cast<const std::byte*>(address), size};
    MappedFiles::replace(nullptr, file.get());
    require_no_lfs_pointer({static_cast<const char*>(address), size}, path);
  }
  return file;
}

MappedFile::~MappedFile() {
  if (bytes_.empty()) return;
  MappedFiles::replace(this, nullptr);
  // munmap takes a non-const pointer but does not write through it.
  ::munmap(const_cast<std::byte*>(bytes_.data()), bytes_.size());
}

void MappedFile::read(std::span<const std::byte> part, std::span<std::byte> to) const {
  auto offset = part.data() - bytes_.data();
  while (!to.empty()) {
    const ssize_t count = ::pread(fd_.get(), to.data(), to.size(), offset);
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) fail("cannot read: {}", system_message(errno));
    if (count == 0) fail("the file has become shorter while it was read");
    offset += count;
    to = to.subspan(static_cast<std::size_t>(count));
  }
}

std::string read_text_file(const std::filesystem::path& path) {
  const auto [fd, size] = open_regular(path);
  if (size > kLargestText) fail("{}: more than {} bytes", path, kLargestText);
  std::string text = read_all(fd.get(), path.string());
  require_no_lfs_pointer(text, path);
  return text;
}

std::string read_input(const std::filesystem::path& path) {
  if (path == "-") return read_all(STDIN_FILENO, "standard input");
  const FileDescriptor fd(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  if (fd.get() < 0) fail("{}: cannot open: {}", path, system_message(errno));
  std::string text = read_all(fd.get(), path.string());
  require_no_lfs_pointer(text, path);
  return text;
}

namespace {

// Returns the file to replace, which is another one if `path` is a link.
std::filesystem::path target_of(const std::filesystem::path& path) {
  std::error_code ignored;
  const std::filesystem::file_status status = std::filesystem::status(path, ignored);
  if (std::filesystem::exists(status) && !std::filesystem::is_regular_file(status)) {
    fail("{}: not a regular file", path);
  }
  const bool link = std::filesystem::is_symlink(std::filesystem::symlink_status(path, ignored));
  std::filesystem::path target = link ? std::filesystem::weakly_canonical(path, ignored) : path;
  if (target.empty()) fail("{}: cannot follow the link", path);
  return target;
}

}  // namespace

void require_place_for_file(const std::filesystem::path& path) {
  const TemporaryFile removed_again(target_of(path));
}

void write_file_atomically(const std::filesystem::path& path,
                           const std::function<void(const AppendBytes&)>& write) {
  const std::filesystem::path target = target_of(path);
  TemporaryFile file(target);
  with_context(path.string(), [&] {
    write([&](std::span<const std::byte> bytes) { file.append(bytes); });
    file.move_to(target);
  });
}

}  // namespace lightmamba

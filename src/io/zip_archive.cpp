#include "io/zip_archive.h"

#include <algorithm>
#include <cstring>

#include "base/fail.h"
#include "base/utf8.h"

namespace lightmamba {
namespace {

constexpr std::uint64_t kStored = 0;
constexpr std::uint64_t kDeflated = 8;
constexpr std::uint64_t kEncryptedFlag = 1;

}  // namespace

struct ZipArchive::SourceFunctions {
  static voidpf open(voidpf opaque, const void* /*name*/, int /*mode*/) { return opaque; }

  static uLong read(voidpf /*opaque*/, voidpf stream, void* buffer, uLong size) {
    Source& source = *static_cast<Source*>(stream);
    const std::uint64_t count =
        std::min<std::uint64_t>(size, source.bytes.size() - source.position);
    if (count > 0) std::memcpy(buffer, source.bytes.data() + source.position, count);
    source.position += count;
    return count;
  }

  static ZPOS64_T tell(voidpf /*opaque*/, voidpf stream) {
    return static_cast<const Source*>(stream)->position;
  }

  static long seek(voidpf /*opaque*/, voidpf stream, ZPOS64_T offset, int origin) {
    Source& source = *static_cast<Source*>(stream);
    const std::uint64_t base = origin == ZLIB_FILEFUNC_SEEK_CUR   ? source.position
                               : origin == ZLIB_FILEFUNC_SEEK_END ? source.bytes.size()
                                                                  : 0;
    // minizip passes distances back as negative numbers cast to unsigned, so the sum may wrap.
    const std::uint64_t target = base + offset;
    if (target > source.bytes.size()) return -1;
    source.position = target;
    return 0;
  }

  static int close(voidpf /*opaque*/, voidpf /*stream*/) { return 0; }
  // Asked only after a read that fell short; without an error minizip takes the end for zeros.
  static int error(voidpf /*opaque*/, voidpf /*stream*/) { return 1; }
};

ZipArchive::ZipArchive(std::span<const std::byte> bytes) : source_{bytes, 0} {
  zlib_filefunc64_def functions = {};
  functions.zopen64_file = &SourceFunctions::open;
  functions.zread_file = &SourceFunctions::read;
  functions.ztell64_file = &SourceFunctions::tell;
  functions.zseek64_file = &SourceFunctions::seek;
  functions.zclose_file = &SourceFunctions::close;
  functions.zerror_file = &SourceFunctions::error;
  functions.opaque = &source_;
  file_ = unzOpen2_64("", &functions);
  if (file_ == nullptr) fail("not a zip archive, or one that is cut short or damaged");
  try {
    read_directory();
  } catch (...) {
    unzClose(file_);
    throw;
  }
}

ZipArchive::~ZipArchive() { unzClose(file_); }

void ZipArchive::read_directory() {
  unz_global_info64 global = {};
  if (unzGetGlobalInfo64(file_, &global) != UNZ_OK) fail("damaged zip archive");
  if (global.number_entry == 0) return;
  int status = unzGoToFirstFile(file_);
  for (; status == UNZ_OK; status = unzGoToNextFile(file_)) {
    unz_file_info64 info = {};
    status = unzGetCurrentFileInfo64(file_, &info, nullptr, 0, nullptr, 0, nullptr, 0);
    if (status != UNZ_OK) break;
    std::string name(info.size_filename + 1, '\0');
    status =
        unzGetCurrentFileInfo64(file_, &info, name.data(), name.size(), nullptr, 0, nullptr, 0);
    if (status != UNZ_OK) break;
    name.pop_back();
    require_utf8(name, "the name of an entry");
    Entry entry = {.position = {},
                   .compressed_size = info.compressed_size,
                   .size = info.uncompressed_size,
                   .encrypted = (info.flag & kEncryptedFlag) != 0,
                   .method = info.compression_method};
    status = unzGetFilePos64(file_, &entry.position);
    if (status != UNZ_OK) break;
    const auto [place, added] = entries_.emplace(std::move(name), entry);
    if (!added) fail("the zip archive has two entries named '{}'", place->first);
  }
  if (status != UNZ_END_OF_LIST_OF_FILE) {
    fail("damaged zip archive: its directory breaks off after {} of {} entries", entries_.size(),
         global.number_entry);
  }
}

std::vector<std::string_view> ZipArchive::names() const {
  std::vector<std::string_view> result;
  for (const auto& [name, entry] : entries_) result.push_back(name);
  return result;
}

const ZipArchive::Entry& ZipArchive::find(std::string_view name) const {
  const auto found = entries_.find(name);
  if (found == entries_.end()) fail("the archive has no entry '{}'", name);
  const Entry& entry = found->second;
  if (entry.encrypted) fail("the entry '{}' is encrypted", name);
  if (entry.method != kStored && entry.method != kDeflated) {
    fail("the entry '{}' is compressed with method {}, which is not supported", name, entry.method);
  }
  if (unzGoToFilePos64(file_, &entry.position) != UNZ_OK) {
    fail("damaged zip archive: cannot find the entry '{}'", name);
  }
  return entry;
}

std::span<const std::byte> ZipArchive::view(std::string_view name) const {
  const Entry& entry = find(name);
  if (entry.method != kStored) {
    fail("the entry '{}' is compressed; torch.save stores it as it is", name);
  }
  if (entry.compressed_size != entry.size) {
    fail("the entry '{}' is stored, but its sizes differ: {} and {}", name, entry.compressed_size,
         entry.size);
  }
  int method = 0;
  if (unzOpenCurrentFile2(file_, &method, nullptr, 1) != UNZ_OK) {
    fail("damaged zip archive: the entry '{}' does not lie where the directory says", name);
  }
  const std::uint64_t offset = unzGetCurrentFileZStreamPos64(file_);
  unzCloseCurrentFile(file_);
  const std::uint64_t available = source_.bytes.size();
  if (offset > available || entry.size > available - offset) {
    fail("the entry '{}' of {} bytes runs past the end of the file", name, entry.size);
  }
  return source_.bytes.subspan(offset, entry.size);
}

std::vector<std::byte> ZipArchive::read(std::string_view name, std::size_t limit) const {
  const Entry& entry = find(name);
  if (entry.size > limit) {
    fail("the entry '{}' has {} bytes, expected at most {}", name, entry.size, limit);
  }
  if (entry.method == kStored) {
    const std::span<const std::byte> bytes = view(name);
    return {bytes.begin(), bytes.end()};
  }
  if (unzOpenCurrentFile(file_) != UNZ_OK) {
    fail("damaged zip archive: the entry '{}' does not lie where the directory says", name);
  }
  std::vector<std::byte> content(entry.size);
  std::size_t done = 0;
  while (done < content.size()) {
    constexpr std::size_t kMostAtOnce = 1 << 30;
    const std::size_t wanted = std::min(content.size() - done, kMostAtOnce);
    const int count =
        unzReadCurrentFile(file_, content.data() + done, static_cast<unsigned>(wanted));
    if (count <= 0) {
      unzCloseCurrentFile(file_);
      fail("the entry '{}' cannot be inflated: it breaks off after {} of {} bytes", name, done,
           content.size());
    }
    done += static_cast<std::size_t>(count);
  }
  if (unzCloseCurrentFile(file_) != UNZ_OK) fail("the entry '{}' has a wrong checksum", name);
  return content;
}

}  // namespace lightmamba

#include "io/zip_archive.h"

#include <algorithm>
#include <array>

#include "base/bytes.h"
#include "base/fail.h"
#include "base/utf8.h"

namespace lightmamba {
namespace {

using namespace std::string_view_literals;
using Bytes = std::span<const std::byte>;

// The records of a zip archive: their signatures and the sizes of their fixed parts.
constexpr auto kLocalHeader = "PK\3\4"sv;
constexpr auto kDirectoryEntry = "PK\1\2"sv;
constexpr auto kDirectoryEnd = "PK\5\6"sv;
constexpr auto kDirectoryEnd64 = "PK\6\6"sv;
constexpr auto kLocator64 = "PK\6\7"sv;
constexpr std::uint64_t kLocalHeaderSize = 30;
constexpr std::uint64_t kDirectoryEntrySize = 46;
constexpr std::uint64_t kDirectoryEndSize = 22;
constexpr std::uint64_t kDirectoryEnd64Size = 56;
constexpr std::uint64_t kLocator64Size = 20;

constexpr std::uint64_t kIn64 = 0xffffffff;  // stands for a number that lies in the zip64 field
constexpr std::uint64_t kEncrypted = 1;

bool has(Bytes bytes, std::uint64_t at, std::uint64_t size) {
  return at <= bytes.size() && size <= bytes.size() - at;
}

bool is_record(Bytes bytes, std::uint64_t at, std::uint64_t size, std::string_view signature) {
  return has(bytes, at, size) && text_of(bytes.subspan(at, signature.size())) == signature;
}

// Reads a little-endian number; the caller has checked that it is there.
std::uint64_t number(Bytes bytes, std::uint64_t at, std::size_t size) {
  std::uint64_t value = 0;
  for (std::size_t i = 0; i < size; ++i) {
    value |= std::to_integer<std::uint64_t>(bytes[at + i]) << (8 * i);
  }
  return value;
}

// Finds the record at the end of the file, which only a comment may follow.
std::uint64_t find_directory_end(Bytes bytes) {
  constexpr std::uint64_t kLongestComment = 0xffff;
  if (bytes.size() >= kDirectoryEndSize) {
    const std::uint64_t last = bytes.size() - kDirectoryEndSize;
    for (std::uint64_t comment = 0; comment <= std::min(last, kLongestComment); ++comment) {
      const std::uint64_t at = last - comment;
      if (is_record(bytes, at, kDirectoryEndSize, kDirectoryEnd) &&
          number(bytes, at + 20, 2) == comment) {
        return at;
      }
    }
  }
  fail("not a zip archive, or one that is cut short or damaged");
}

struct Directory {
  std::uint64_t count = 0;
  Bytes entries;
};

Directory find_directory(Bytes bytes) {
  std::uint64_t end = find_directory_end(bytes);
  std::uint64_t count = number(bytes, end + 10, 2);
  std::uint64_t size = number(bytes, end + 12, 4);
  std::uint64_t at = number(bytes, end + 16, 4);
  if (end >= kLocator64Size && is_record(bytes, end - kLocator64Size, kLocator64Size, kLocator64)) {
    end = number(bytes, end - kLocator64Size + 8, 8);
    if (!is_record(bytes, end, kDirectoryEnd64Size, kDirectoryEnd64)) {
      fail("damaged zip archive: its zip64 record is not at byte {}", end);
    }
    count = number(bytes, end + 32, 8);
    size = number(bytes, end + 40, 8);
    at = number(bytes, end + 48, 8);
  }
  if (!has(bytes, at, size) || at + size > end) {
    fail("damaged zip archive: a directory of {} bytes at byte {} does not lie in it", size, at);
  }
  return {.count = count, .entries = bytes.subspan(at, size)};
}

// Replaces numbers that only refer to the extra field by its 64-bit numbers.
template <std::size_t Count>
void resolve_64(Bytes extra, const std::array<std::uint64_t*, Count>& numbers,
                std::string_view name) {
  constexpr std::uint64_t kZip64Field = 1;
  Bytes field;
  for (std::uint64_t at = 0; has(extra, at, 4);) {
    const std::uint64_t size = number(extra, at + 2, 2);
    if (!has(extra, at + 4, size)) break;
    if (number(extra, at, 2) == kZip64Field) field = extra.subspan(at + 4, size);
    at += 4 + size;
  }
  for (std::uint64_t* value : numbers) {
    if (*value != kIn64) continue;
    if (!has(field, 0, 8)) fail("damaged zip archive: the entry '{}' lacks a zip64 field", name);
    *value = number(field, 0, 8);
    field = field.subspan(8);
  }
}

}  // namespace

ZipArchive::ZipArchive(Bytes bytes) : bytes_(bytes) {
  const auto [count, entries] = find_directory(bytes);
  std::uint64_t at = 0;
  for (std::uint64_t i = 0; i < count; ++i) {
    if (!is_record(entries, at, kDirectoryEntrySize, kDirectoryEntry)) {
      fail("damaged zip archive: its directory breaks off after {} of {} entries", i, count);
    }
    const std::uint64_t name_size = number(entries, at + 28, 2);
    const std::uint64_t extra_size = number(entries, at + 30, 2);
    const std::uint64_t comment_size = number(entries, at + 32, 2);
    if (!has(entries, at + kDirectoryEntrySize, name_size + extra_size + comment_size)) {
      fail("damaged zip archive: its directory breaks off after {} of {} entries", i, count);
    }
    const std::uint64_t name_at = at + kDirectoryEntrySize;
    const std::string_view name = text_of(entries.subspan(name_at, name_size));
    require_utf8(name, "the name of an entry");
    Entry entry = {.flags = number(entries, at + 8, 2),
                   .method = number(entries, at + 10, 2),
                   .compressed_size = number(entries, at + 20, 4),
                   .size = number(entries, at + 24, 4),
                   .header_at = number(entries, at + 42, 4)};
    resolve_64(entries.subspan(name_at + name_size, extra_size),
               std::array{&entry.size, &entry.compressed_size, &entry.header_at}, name);
    if (!entries_.emplace(name, entry).second) {
      fail("the zip archive has two entries named '{}'", name);
    }
    at = name_at + name_size + extra_size + comment_size;
  }
}

std::vector<std::string_view> ZipArchive::names() const {
  std::vector<std::string_view> result;
  for (const auto& [name, entry] : entries_) result.push_back(name);
  return result;
}

Bytes ZipArchive::view(std::string_view name) const {
  const auto found = entries_.find(name);
  if (found == entries_.end()) fail("the archive has no entry '{}'", name);
  const Entry& entry = found->second;
  if ((entry.flags & kEncrypted) != 0) fail("the entry '{}' is encrypted", name);
  if (entry.method != 0) {
    fail("the entry '{}' is compressed (method {}); torch.save stores it as it is", name,
         entry.method);
  }
  if (entry.compressed_size != entry.size) {
    fail("the entry '{}' is stored, but its sizes differ: {} and {}", name, entry.compressed_size,
         entry.size);
  }
  const std::uint64_t header_at = entry.header_at;
  if (!is_record(bytes_, header_at, kLocalHeaderSize, kLocalHeader)) {
    fail("damaged zip archive: the entry '{}' is not at byte {}", name, header_at);
  }
  const std::uint64_t name_at = header_at + kLocalHeaderSize;
  const std::uint64_t name_size = number(bytes_, header_at + 26, 2);
  const std::uint64_t extra_size = number(bytes_, header_at + 28, 2);
  if (!has(bytes_, name_at, name_size) || text_of(bytes_.subspan(name_at, name_size)) != name) {
    fail("damaged zip archive: the entry at byte {} is not '{}'", header_at, name);
  }
  const std::uint64_t data_at = name_at + name_size + extra_size;
  if (!has(bytes_, data_at, entry.size)) {
    fail("the entry '{}' of {} bytes runs past the end of the file", name, entry.size);
  }
  return bytes_.subspan(data_at, entry.size);
}

}  // namespace lightmamba

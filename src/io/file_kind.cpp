#include "io/file_kind.h"

#include <cstdint>
#include <cstring>
#include <system_error>

#include "base/bytes.h"
#include "base/file.h"

namespace lightmamba {
namespace {

// Such a file begins with the length of its header, and the header is a JSON object.
bool begins_as_safetensors(std::string_view text) {
  std::uint64_t length = 0;
  if (text.size() <= sizeof length) return false;
  std::memcpy(&length, text.data(), sizeof length);
  return length <= text.size() - sizeof length && text[sizeof length] == '{';
}

bool begins_with_brace(std::string_view text) {
  const std::size_t first = text.substr(0, 64).find_first_not_of(" \t\r\n");
  return first != std::string_view::npos && text[first] == '{';
}

}  // namespace

std::string_view what_it_is(FileKind kind) {
  switch (kind) {
    case FileKind::json:
      return "a JSON file, which holds no weights";
    case FileKind::accelerator_image:
      return "a memory image, which only the accelerator runs";
    case FileKind::gguf:
      return "a GGUF file, which is not supported";
    case FileKind::absent:
    case FileKind::directory:
    case FileKind::safetensors:
    case FileKind::other:
      break;
  }
  return {};
}

FileKind file_kind(const std::filesystem::path& path) {
  std::error_code ignored;
  const std::filesystem::file_status status = std::filesystem::status(path, ignored);
  if (!std::filesystem::exists(status)) return FileKind::absent;
  if (std::filesystem::is_directory(status)) return FileKind::directory;
  if (!std::filesystem::is_regular_file(status)) return FileKind::other;
  const auto file = MappedFile::open(path);
  const std::string_view text = text_of(file->bytes());
  if (text.starts_with(kAcceleratorImageMagic)) return FileKind::accelerator_image;
  if (text.starts_with(kGgufMagic)) return FileKind::gguf;
  if (begins_as_safetensors(text)) return FileKind::safetensors;
  if (begins_with_brace(text)) return FileKind::json;
  return FileKind::other;
}

}  // namespace lightmamba

#include "io/lfs_pointer.h"

#include <string_view>

#include "base/fail.h"

namespace lightmamba {

void refuse_lfs_pointer(std::span<const std::byte> bytes, const std::filesystem::path& path) {
  const std::string_view text(reinterpret_cast<const char*>(bytes.data()), bytes.size());
  if (text.starts_with("version https://git-lfs")) {
    fail("{}: found a Git LFS pointer: the file itself was not downloaded (git lfs pull gets it)",
         path);
  }
}

}  // namespace lightmamba

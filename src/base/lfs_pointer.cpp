#include "base/lfs_pointer.h"

#include "base/fail.h"

namespace lightmamba {

void require_no_lfs_pointer(std::string_view bytes, const std::filesystem::path& path) {
  if (!bytes.starts_with("version https://git-lfs")) return;
  fail("{}: found a Git LFS pointer: the file itself was not downloaded (`git lfs pull` does that)",
       path);
}

}  // namespace lightmamba

// Git LFS pointers: what a clone without git-lfs has in place of a large file.
#pragma once

#include <filesystem>
#include <string_view>

namespace lightmamba {

// Throws Error naming the file if `bytes`, its content, are a pointer and not the file itself.
void require_no_lfs_pointer(std::string_view bytes, const std::filesystem::path& path);

}  // namespace lightmamba

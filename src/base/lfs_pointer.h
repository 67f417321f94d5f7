// Git LFS pointers, which stand in place of large files in a clone without git-lfs.
#pragma once

#include <filesystem>
#include <string_view>

namespace lightmamba {

// Throws Error naming the file if `bytes`, its content, are a pointer and not the file itself.
void require_no_lfs_pointer(std::string_view bytes, const std::filesystem::path& path);

}  // namespace lightmamba

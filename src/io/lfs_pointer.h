// The text file that a clone without git-lfs has in place of a large file.
#pragma once

#include <cstddef>
#include <filesystem>
#include <span>

namespace lightmamba {

// Throws Error naming the file where `bytes`, its content, is a Git LFS pointer.
void refuse_lfs_pointer(std::span<const std::byte> bytes, const std::filesystem::path& path);

}  // namespace lightmamba

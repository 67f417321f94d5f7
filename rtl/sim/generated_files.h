// The files of the repository that are written from the tables of src/accel/hardware and
// src/accel/numerics/tables.h. write_rtl writes them; a test compares them.
#pragma once

#include <filesystem>
#include <string>
#include <vector>

namespace lightmamba::accel {

struct GeneratedFile {
  std::filesystem::path path;  // below the root of the repository
  std::string text;
};

// All of them. Of a page of the documentation only what lies between its markers is generated; the
// rest is read below `root`. Throws Error where a marker is missing.
std::vector<GeneratedFile> generated_files(const std::filesystem::path& root);

}  // namespace lightmamba::accel

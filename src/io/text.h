// Reads text files line by line.
#pragma once

#include <cstddef>
#include <filesystem>
#include <string>
#include <vector>

namespace lightmamba {

struct TextLine {
  std::string text;   // without the end of line
  std::string where;  // "FILE: line N", for errors; lines count from 1
};

// Returns the lines that hold more than white space. A byte order mark and carriage returns are
// dropped. Throws Error if the file cannot be read or a line is not valid UTF-8.
std::vector<TextLine> read_lines(const std::filesystem::path& path);

}  // namespace lightmamba

// Draws pictures with the program gnuplot.
#pragma once

#include <filesystem>
#include <string_view>

namespace lightmamba {

// Pictures are .png or .svg files. Returns what is wrong with another name, or nothing.
std::string_view picture_name_error(const std::filesystem::path& path);

// Throws Error naming the Debian package if there is no gnuplot.
void require_gnuplot();

struct PictureSize {
  int width, height;  // pixels
};

// Runs the script and writes what it draws; the script must not set a terminal or an output, and
// may hold binary data. An existing file is replaced only by a whole picture. Throws Error naming
// the file, and as require_gnuplot() does.
void draw_picture(const std::filesystem::path& path, PictureSize size, std::string_view script);

}  // namespace lightmamba

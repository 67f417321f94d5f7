#include "base/gnuplot.h"

#include <fmt/format.h>
#include <span>
#include <string>
#include <vector>

#include "base/fail.h"
#include "base/file.h"
#include "base/process.h"

namespace lightmamba {
namespace {

ProgramResult run_gnuplot(std::string_view option, std::string_view script) {
  std::vector<std::string> words = {"gnuplot"};
  if (!option.empty()) words.emplace_back(option);
  return run_program(words, script, "pictures need gnuplot, Debian's package gnuplot-nox");
}

std::string terminal(const std::filesystem::path& path, PictureSize size) {
  if (const std::string_view error = picture_name_error(path); !error.empty()) {
    fail("{}: {}", path, error);
  }
  const bool is_svg = path.extension() == ".svg";
  return fmt::format("set terminal {} size {},{} font 'Sans,13'{}\n", is_svg ? "svg" : "pngcairo",
                     size.width, size.height, is_svg ? " background 'white'" : "");
}

}  // namespace

std::string_view picture_name_error(const std::filesystem::path& path) {
  const bool is_known = path.extension() == ".png" || path.extension() == ".svg";
  return is_known ? "" : "the name of a picture must end in .png or .svg";
}

void require_gnuplot() { run_gnuplot("--version", ""); }

void draw_picture(const std::filesystem::path& path, PictureSize size, std::string_view script) {
  std::string whole = terminal(path, size);
  whole += script;
  const ProgramResult result = run_gnuplot("", whole);
  if (result.exit_code != 0 || result.out.empty()) {
    fail("{}: gnuplot failed: {}", path, result.err);
  }
  write_file_atomically(
      path, [&](const AppendBytes& append) { append(std::as_bytes(std::span(result.out))); });
}

}  // namespace lightmamba

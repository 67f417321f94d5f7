// write_rtl ROOT: writes the generated files of the repository there, those that differ.
#include <cstdio>
#include <exception>
#include <fmt/format.h>
#include <fstream>
#include <iterator>

#include "base/fail.h"
#include "generated_files.h"

namespace lightmamba::accel {
namespace {

std::string present_text(const std::filesystem::path& path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), {}};
}

void write_generated_files(const std::filesystem::path& root) {
  for (const GeneratedFile& generated : generated_files(root)) {
    const std::filesystem::path path = root / generated.path;
    if (present_text(path) == generated.text) continue;
    std::ofstream file(path, std::ios::binary);
    file << generated.text;
    if (!file.flush()) fail("cannot write {}", path);
    fmt::print("{}\n", generated.path.string());
  }
}

}  // namespace
}  // namespace lightmamba::accel

int main(int argc, char** argv) {
  if (argc != 2) {
    std::fputs("usage: write_rtl ROOT\n", stderr);
    return 2;
  }
  try {
    lightmamba::accel::write_generated_files(argv[1]);
  } catch (const std::exception& error) {
    fmt::print(stderr, "write_rtl: {}\n", error.what());
    return 1;
  }
}

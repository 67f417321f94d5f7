#include "io/text.h"

#include <string_view>

#include "base/fail.h"
#include "base/file.h"
#include "base/utf8.h"

namespace lightmamba {
namespace {

constexpr std::string_view kByteOrderMark = "\xef\xbb\xbf";

}  // namespace

std::vector<TextLine> read_lines(const std::filesystem::path& path) {
  const std::string text = read_text_file(path);
  std::string_view rest = text;
  if (rest.starts_with(kByteOrderMark)) rest.remove_prefix(kByteOrderMark.size());

  std::vector<TextLine> lines;
  for (std::size_t number = 1; !rest.empty(); ++number) {
    const std::size_t end = rest.find('\n');
    std::string_view line = rest.substr(0, end);
    rest.remove_prefix(end == std::string_view::npos ? rest.size() : end + 1);
    if (line.ends_with('\r')) line.remove_suffix(1);
    if (line.find_first_not_of(" \t\r\v\f") == std::string_view::npos) continue;
    lines.push_back({std::string(line), fmt::format("{}: line {}", path, number)});
    require_utf8(line, lines.back().where);
  }
  return lines;
}

}  // namespace lightmamba

#include "cli/table.h"

#include <algorithm>
#include <fmt/format.h>

namespace lightmamba::cli {
namespace {

// Terminals show one column for each code point of what these tables hold.
std::size_t width_of(const std::string& cell) {
  return static_cast<std::size_t>(
      std::count_if(cell.begin(), cell.end(), [](char c) { return (c & 0xc0) != 0x80; }));
}

std::string markdown_cell(const std::string& cell) {
  std::string escaped;
  for (const char c : cell) {
    if (c == '*' || c == '|' || c == '_') escaped += '\\';
    escaped += c;
  }
  return escaped;
}

}  // namespace

std::string text_table(const Table& table) {
  std::vector<std::size_t> widths(table.rows.front().size());
  for (const auto& row : table.rows) {
    for (std::size_t i = 0; i < row.size(); ++i) widths[i] = std::max(widths[i], width_of(row[i]));
  }
  std::string text;
  for (const auto& row : table.rows) {
    std::string line;
    for (std::size_t i = 0; i < row.size(); ++i) {
      const std::string padding(widths[i] - width_of(row[i]), ' ');
      line += i == 0 ? "" : "  ";
      line += i < table.names ? row[i] + padding : padding + row[i];
    }
    line.erase(line.find_last_not_of(' ') + 1);
    text += line + "\n";
  }
  return text;
}

std::string markdown_table(const Table& table) {
  std::string text;
  for (const auto& row : table.rows) {
    text += "|";
    for (const std::string& cell : row) text += fmt::format(" {} |", markdown_cell(cell));
    text += "\n";
    if (&row != &table.rows.front()) continue;
    text += "|";
    for (std::size_t i = 0; i < row.size(); ++i) text += i < table.names ? "---|" : "---:|";
    text += "\n";
  }
  return text;
}

}  // namespace lightmamba::cli

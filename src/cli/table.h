// A table of cells, as aligned text and as Markdown.
#pragma once

#include <cstddef>
#include <string>
#include <vector>

namespace lightmamba::cli {

struct Table {
  std::size_t names = 1;  // columns from the left that are names; numbers follow
  std::vector<std::vector<std::string>> rows;  // all of one size, the first is the heading
};

std::string text_table(const Table& table);
std::string markdown_table(const Table& table);

}  // namespace lightmamba::cli

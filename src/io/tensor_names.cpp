#include "io/tensor_names.h"

#include <algorithm>
#include <array>
#include <fmt/ranges.h>
#include <set>
#include <string_view>
#include <vector>

#include "base/fail.h"
#include "base/utf8.h"

namespace lightmamba {
namespace {

using namespace std::string_view_literals;

constexpr auto kBackbone = "backbone."sv;
constexpr auto kHead = "lm_head.weight"sv;

std::string without_wrappers(std::string_view name) {
  constexpr std::array kWrappers = {"_orig_mod"sv, "module"sv, "_fsdp_wrapped_module"sv,
                                    "_checkpoint_wrapped_module"sv};
  std::string plain;
  for (std::size_t begin = 0; begin <= name.size();) {
    const std::size_t end = std::min(name.find('.', begin), name.size());
    const std::string_view part = name.substr(begin, end - begin);
    const bool last = end == name.size();
    if (last || std::ranges::find(kWrappers, part) == kWrappers.end()) {
      plain += part;
      if (!last) plain += '.';
    }
    begin = end + 1;
  }
  return plain;
}

// Tells whether `tail` stands at the end of the name, as whole parts.
bool has_tail(std::string_view name, std::string_view tail) {
  return name.ends_with(tail) &&
         (name.size() == tail.size() || name[name.size() - tail.size() - 1] == '.');
}

// Returns the prefix of the parts of the backbone, with its dot.
std::string find_root(const std::map<std::string, std::string>& names) {
  std::set<std::string> roots;
  for (const auto& [stored, name] : names) {
    for (const auto tail : {"embeddings.weight"sv, "embedding.weight"sv}) {
      if (has_tail(name, tail)) roots.insert(name.substr(0, name.size() - tail.size()));
    }
  }
  if (roots.empty() || roots.contains(std::string(kBackbone))) return std::string(kBackbone);
  if (roots.size() > 1) {
    std::vector<std::string> shown;
    for (const std::string& root : roots) {
      shown.push_back(fmt::format("'{}'", printable(root)));
      if (shown.size() == 4) break;
    }
    fail("the embeddings of {} models, below {}: expected those of one", roots.size(),
         fmt::join(shown, ", "));
  }
  return *roots.begin();
}

std::string without_prefix(const std::string& name, std::string_view root) {
  if (has_tail(name, kHead) && root.starts_with(name.substr(0, name.size() - kHead.size()))) {
    return std::string(kHead);
  }
  if (!name.starts_with(root)) return name;
  const std::string_view rest = std::string_view(name).substr(root.size());
  for (const auto part : {"embeddings."sv, "embedding."sv, "layers."sv, "norm_f."sv}) {
    if (rest.starts_with(part)) return std::string(kBackbone).append(rest);
  }
  return name;
}

}  // namespace

std::map<std::string, std::string> plain_names(const TensorMap& tensors) {
  std::map<std::string, std::string> names;
  for (const auto& [stored, tensor] : tensors) names.emplace(stored, without_wrappers(stored));
  const std::string root = find_root(names);
  std::map<std::string, std::string> stored_as;
  for (auto& [stored, name] : names) {
    name = without_prefix(name, root);
    const auto [other, fresh] = stored_as.emplace(name, stored);
    if (!fresh) {
      fail("tensors '{}' and '{}' are both '{}'", printable(other->second), printable(stored),
           printable(name));
    }
  }
  return names;
}

}  // namespace lightmamba

#include <algorithm>
#include <array>
#include <fmt/ranges.h>

#include <lightmamba/quant_format.h>

#include "base/fail.h"
#include "base/utf8.h"

namespace lightmamba {
namespace {

// In the order of the enumerations.
constexpr std::array<std::string_view, 4> kMethods = {"rtn", "smoothquant", "os+", "lightmamba"};
constexpr std::array<std::string_view, 2> kSsmFormats = {"float", "pot8"};
constexpr std::array<std::string_view, 4> kStateFormats = {"float", "int16", "int8ef", "int8"};

template <typename Enum, std::size_t N>
Enum parse(std::string_view what, const std::array<std::string_view, N>& names,
           std::string_view name) {
  const auto found = std::find(names.begin(), names.end(), name);
  if (found == names.end()) {
    fail("unknown {} '{}': expected one of {}", what, printable(name), fmt::join(names, ", "));
  }
  return static_cast<Enum>(found - names.begin());
}

}  // namespace

std::string_view method_name(Method method) {
  return kMethods.at(static_cast<std::size_t>(method));
}
std::string_view ssm_format_name(SsmFormat format) {
  return kSsmFormats.at(static_cast<std::size_t>(format));
}
std::string_view state_format_name(StateFormat format) {
  return kStateFormats.at(static_cast<std::size_t>(format));
}

Method parse_method(std::string_view name) { return parse<Method>("method", kMethods, name); }
SsmFormat parse_ssm_format(std::string_view name) {
  return parse<SsmFormat>("SSM format", kSsmFormats, name);
}
StateFormat parse_state_format(std::string_view name) {
  return parse<StateFormat>("state format", kStateFormats, name);
}

std::string scheme_name(const Scheme& scheme) {
  return fmt::format("w{}a{}", scheme.weight_bits, scheme.activation_bits);
}

Scheme parse_scheme(std::string_view name) {
  for (const int weight_bits : {4, 8}) {
    for (const int activation_bits : {4, 8, 16}) {
      const Scheme scheme{weight_bits, activation_bits};
      if (scheme_name(scheme) == name) return scheme;
    }
  }
  fail("unknown scheme '{}': expected w4a4, w4a8, w4a16, w8a4, w8a8 or w8a16", printable(name));
}

}  // namespace lightmamba

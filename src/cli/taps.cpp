#include "cli/taps.h"

#include <algorithm>
#include <array>
#include <fmt/ranges.h>

#include <lightmamba/fake_quant.h>

#include "base/fail.h"
#include "base/utf8.h"
#include "cli/common.h"

namespace lightmamba::cli {
namespace {

std::array<std::string_view, kTapCount> tap_names() {
  std::array<std::string_view, kTapCount> names;
  for (std::size_t i = 0; i < names.size(); ++i) names[i] = tap_name(static_cast<Tap>(i));
  return names;
}

void add_quantizer(const std::string& text, Taps& taps) {
  const std::size_t sign = text.find('=');
  if (sign == std::string::npos) fail("'{}' is not of the form NAME=QUANTIZER", printable(text));
  const Tap tap = parse_tap(std::string_view(text).substr(0, sign));
  if (taps.has(tap)) fail("the tap {} has two quantizers", tap_name(tap));
  taps.set(tap, quantizing_tap(parse_quantizer(std::string_view(text).substr(sign + 1))));
}

}  // namespace

Tap parse_tap(std::string_view name) {
  const auto names = tap_names();
  const auto* const found = std::find(names.begin(), names.end(), name);
  if (found == names.end()) {
    fail("unknown tap '{}': expected one of {}", printable(name), fmt::join(names, ", "));
  }
  return static_cast<Tap>(found - names.begin());
}

std::string is_tap_name(const std::string& name) {
  return error_of([&] { parse_tap(name); });
}

void add_tap_option(CLI::App& command, std::vector<std::string>& taps) {
  command
      .add_option(
          "--tap", taps,
          "Quantize the value at a tap, for example out_proj_input=4:128 or state=8:64:pot; "
          "may be given several times")
      ->type_name("NAME=QUANTIZER")
      ->allow_extra_args(false)
      ->check([](const std::string& text) { return error_of([&] { quantizing_taps({text}); }); });
}

Taps quantizing_taps(const std::vector<std::string>& taps) {
  Taps result;
  for (const std::string& text : taps) add_quantizer(text, result);
  return result;
}

}  // namespace lightmamba::cli

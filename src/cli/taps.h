// The option --tap NAME=QUANTIZER of commands that run a model.
#pragma once

#include <CLI/CLI.hpp>
#include <string>
#include <string_view>
#include <vector>

#include <lightmamba/taps.h>

namespace lightmamba::cli {

// Throws Error that lists the names.
Tap parse_tap(std::string_view name);
std::string is_tap_name(const std::string& name);  // as a CLI11 check: what is wrong, or nothing

void add_tap_option(CLI::App& command, std::vector<std::string>& taps);

// A quantizer at each named tap, in every layer. Throws Error for a name or quantizer that is none,
// or a tap that is named twice.
Taps quantizing_taps(const std::vector<std::string>& taps);

}  // namespace lightmamba::cli

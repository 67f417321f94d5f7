// The subcommands of `lightmamba accel`. Each adds itself, one file for each.
#pragma once

#include <CLI/CLI.hpp>

namespace lightmamba::cli {

void add_accel_pack(CLI::App& accel);
void add_accel_inspect(CLI::App& accel);
void add_accel_run(CLI::App& accel);
void add_accel_verify(CLI::App& accel);
void add_accel_report(CLI::App& accel);

}  // namespace lightmamba::cli

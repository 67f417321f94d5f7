#include "cli/accel.h"

#include "cli/commands.h"

namespace lightmamba::cli {

void add_accel(CLI::App& app) {
  CLI::App* command = app.add_subcommand(
      "accel",
      "Make memory images for the accelerator, and run its golden model and its simulation");
  command->require_subcommand(1);
  add_accel_pack(*command);
  add_accel_inspect(*command);
  add_accel_run(*command);
  add_accel_verify(*command);
  add_accel_report(*command);
}

}  // namespace lightmamba::cli

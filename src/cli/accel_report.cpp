#include <memory>

#include "base/fail.h"
#include "cli/accel.h"
#include "cli/accel_options.h"

namespace lightmamba::cli {
namespace {

struct AccelReportArguments {
  AccelOptions accel;
  std::int64_t tokens = 2;
};

void run(const AccelReportArguments& options) {
  AccelModel model = load_accel_model(options.accel);
  const auto simulation = with_context(options.accel.model.model.string(),
                                       [&] { return make_simulation(options.accel, model); });
  TokenId token = model.model.config().bos_token_id.value_or(0);
  accel::Usage usage;
  for (std::int64_t i = 0; i < options.tokens; ++i) {
    const accel::StepResult step = simulation->step(token, accel::Output::argmax);
    usage += step;
    token = step.argmax->token;
  }
  nlohmann::ordered_json report = {{"preset", model.image->hardware.name}};
  report.update(performance(options.accel, usage));
  if (options.accel.model.json) return print_json(report);
  write_output(lines_of(report));
}

}  // namespace

void add_accel_report(CLI::App& accel) {
  CLI::App* command = accel.add_subcommand(
      "report", "Simulate tokens and report cycles, the work of the units and memory traffic");
  auto options = std::make_shared<AccelReportArguments>();
  add_accel_options(*command, options->accel);
  command
      ->add_option("--tokens", options->tokens,
                   "Number of tokens to run; each is the most likely successor of the one before")
      ->type_name("N")
      ->check(kPositiveCount)
      ->capture_default_str();
  command->callback([options] { run(*options); });
}

}  // namespace lightmamba::cli

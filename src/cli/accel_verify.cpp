#include <cstdio>
#include <memory>

#include "accel/runtime/compare.h"
#include "base/fail.h"
#include "cli/accel.h"
#include "cli/accel_options.h"

namespace lightmamba::cli {
namespace {

struct AccelVerifyArguments {
  AccelOptions accel;
  PromptOptions prompt;
  std::int64_t max_tokens = 8;
};

nlohmann::ordered_json to_json(const accel::Difference& difference) {
  const auto value = [](const std::optional<std::int64_t>& each) {
    return each ? nlohmann::ordered_json(*each) : nlohmann::ordered_json();
  };
  return {{"token", difference.token},         {"layer", difference.layer},
          {"unit", difference.unit},           {"element", difference.element},
          {"field", difference.field},         {"golden", value(difference.expected)},
          {"rtlsim", value(difference.actual)}};
}

void run(const AccelVerifyArguments& options) {
  AccelModel model = load_accel_model(options.accel);
  const std::vector<TokenId> prompt = prompt_ids(options.prompt, model);
  const std::string file = options.accel.model.model.string();
  const auto golden = with_context(file, [&] { return make_golden(model); });
  const auto simulation = with_context(file, [&] { return make_simulation(options.accel, model); });
  const accel::Comparison result = accel::compare(*golden, *simulation, prompt, options.max_tokens);
  const bool is_equal = !result.difference && result.error.empty();
  nlohmann::ordered_json cost;
  if (options.accel.clock > 0) {
    cost = performance(options.accel, {result.tokens, result.counters, result.traffic});
  }
  if (options.accel.model.json) {
    nlohmann::ordered_json report = {{"equal", is_equal},
                                     {"tokens", result.tokens},
                                     {"values", result.values},
                                     {"ids", result.ids},
                                     {"cycles", result.counters.cycles}};
    if (!cost.is_null()) report.update(cost);
    if (result.difference) report["difference"] = to_json(*result.difference);
    if (!result.error.empty()) report["error"] = result.error;
    print_json(report);
  } else if (is_equal) {
    write_output(fmt::format("equal: {} values of {} tokens\n", result.values, result.tokens));
    if (!cost.is_null()) write_output(lines_of(cost));
  }
  flush_output();
  if (is_equal) return;
  std::string message = result.difference
                            ? fmt::format("the simulation differs: {}", result.difference->text())
                            : std::string("the simulation fails");
  if (!result.error.empty()) message += fmt::format("; then: {}", result.error);
  fail("{}", message);
}

}  // namespace

void add_accel_verify(CLI::App& accel) {
  CLI::App* command = accel.add_subcommand(
      "verify", "Compare every value of the simulated units with the golden model");
  auto options = std::make_shared<AccelVerifyArguments>();
  add_accel_options(*command, options->accel);
  command->get_option("model")->description("Quantized file");
  add_prompt_options(*command, options->prompt);
  command
      ->add_option("--max-tokens", options->max_tokens,
                   "Number of tokens to generate after the prompt, each the most likely one")
      ->type_name("N")
      ->check(kCount)
      ->capture_default_str();
  command->callback([options] { run(*options); });
}

}  // namespace lightmamba::cli

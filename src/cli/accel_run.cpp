#include <cstdio>
#include <fmt/format.h>
#include <memory>
#include <optional>

#include <lightmamba/generate.h>

#include "cli/accel.h"
#include "cli/accel_options.h"

namespace lightmamba::cli {
namespace {

struct AccelRunArguments {
  AccelOptions accel;
  PromptOptions prompt;
  std::string backend = "golden";
  std::int64_t max_tokens = 128;
  bool ignore_eos = false;
};

void run(const AccelRunArguments& options) {
  const bool is_json = options.accel.model.json;
  AccelModel model = load_accel_model(options.accel);
  const std::vector<TokenId> prompt = prompt_ids(options.prompt, model);
  const std::unique_ptr<accel::Accelerator> accelerator =
      options.backend == "golden" ? make_golden(options.accel, model)
                                  : make_simulation(options.accel, model);
  std::optional<TextStream> stream;
  if (model.tokenizer) stream.emplace(*model.tokenizer);
  std::string text;
  const auto emit = [&](const std::string& piece) {
    text += piece;
    if (is_json) return;
    write_output(piece);
    flush_output();
  };

  Cost of_prompt;
  Cost of_rest;
  accel::Step step;
  for (std::size_t i = 0; i < prompt.size(); ++i) {
    const bool is_last = i + 1 == prompt.size();
    step = accelerator->step(prompt[i], is_last ? accel::Wants::best : accel::Wants::nothing);
    of_prompt.add(step);
  }
  std::vector<TokenId> ids;
  bool is_at_end = false;
  while (std::ssize(ids) < options.max_tokens) {
    if (of_rest.tokens < std::ssize(ids)) {
      step = accelerator->step(ids.back(), accel::Wants::best);
      of_rest.add(step);
    }
    const TokenId id = step.best->token;
    is_at_end = !options.ignore_eos && model.config().ends_text(id);
    if (is_at_end) break;
    ids.push_back(id);
    // Without a tokenizer the text is the ids.
    emit(stream ? stream->push(id) : fmt::format("{}{}", ids.size() > 1 ? " " : "", id));
  }
  if (stream) emit(stream->finish());

  nlohmann::ordered_json report = {{"backend", options.backend},
                                   {"prompt_tokens", prompt.size()},
                                   {"generated_tokens", ids.size()},
                                   {"stop", is_at_end ? "end_of_text" : "max_tokens"}};
  if (is_json) {
    if (stream) report["text"] = text;
    report["ids"] = ids;
  }
  if (options.backend != "golden") {
    report["prompt"] = speed(options.accel, of_prompt);
    report["decode"] = speed(options.accel, of_rest);
  }
  if (is_json) return print_json(report);
  write_output("\n");
  flush_output();
  std::fputs(lines_of(report).c_str(), stderr);
}

}  // namespace

void add_accel_run(CLI::App& accel) {
  CLI::App* command = accel.add_subcommand("run", "Continue a text on the accelerator, greedily");
  auto options = std::make_shared<AccelRunArguments>();
  add_accel_options(*command, options->accel);
  add_prompt_options(*command, options->prompt);
  command
      ->add_option("--backend", options->backend,
                   "golden (the accelerator's integers) or rtlsim (the core, cycle by cycle)")
      ->type_name("NAME")
      ->check(CLI::IsMember({"golden", "rtlsim"}))
      ->capture_default_str();
  command->add_option("--max-tokens", options->max_tokens, "Stop after this many tokens")
      ->type_name("N")
      ->check(kCount)
      ->capture_default_str();
  command->add_flag("--ignore-eos", options->ignore_eos, "Go on after an end-of-text token");
  command->callback([options] { run(*options); });
}

}  // namespace lightmamba::cli

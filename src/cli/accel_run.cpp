#include <cstdio>
#include <fmt/format.h>
#include <memory>
#include <optional>

#include <lightmamba/generate.h>

#include "base/fail.h"
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

accel::Usage difference(const accel::Usage& after, const accel::Usage& before) {
  accel::Usage usage = after;
  usage.tokens -= before.tokens;
  usage.counters -= before.counters;
  usage.traffic -= before.traffic;
  return usage;
}

void run(const AccelRunArguments& options) {
  const bool is_json = options.accel.model.json;
  if (options.backend == "golden") {
    refuse_without_effect(
        *options.accel.model.command,
        {"--preset", "--order", "--latency", "--stalls", "--bandwidth", "--clock", "--seed"},
        "on --backend golden");
  }
  AccelModel model = load_accel_model(options.accel);
  const std::vector<TokenId> prompt = prompt_ids(options.prompt, model);
  const auto backend = with_context(options.accel.model.model.string(), [&] {
    return open_accelerator(options.accel, model, options.backend);
  });
  std::optional<TextStream> stream;
  if (model.model.has_tokenizer()) stream.emplace(model.model.tokenizer());
  std::string text;
  const auto emit = [&](const std::string& piece) {
    text += piece;
    if (is_json) return;
    write_output(piece);
    flush_output();
  };

  const std::unique_ptr<Sequence> sequence = backend->open();
  Generator generator(*sequence, prompt,
                      {.max_tokens = options.max_tokens, .stop_at_eos = !options.ignore_eos});
  const accel::Usage of_prompt = backend->usage();
  while (const auto id = generator.next()) {
    // Without a tokenizer the text is the ids.
    const bool is_first = generator.result().ids.size() == 1;
    emit(stream ? stream->push(*id) : fmt::format("{}{}", is_first ? "" : " ", *id));
  }
  if (stream) emit(stream->finish());
  const GenerateResult& result = generator.result();

  nlohmann::ordered_json report = {{"backend", options.backend},
                                   {"prompt_tokens", prompt.size()},
                                   {"generated_tokens", result.ids.size()},
                                   {"stop", stop_name(result.stop_reason)}};
  if (is_json) {
    if (stream) report["text"] = text;
    report["ids"] = result.ids;
  }
  if (options.backend != "golden") {
    report["prompt"] = speed(options.accel, of_prompt);
    report["decode"] = speed(options.accel, difference(backend->usage(), of_prompt));
  }
  if (is_json) return print_json(report);
  write_output("\n");
  flush_output();
  std::fputs(lines_of(report).c_str(), stderr);
}

}  // namespace

void add_accel_run(CLI::App& accel) {
  CLI::App* command =
      accel.add_subcommand("run", "Continue a text on the accelerator with the most likely tokens");
  auto options = std::make_shared<AccelRunArguments>();
  add_accel_options(*command, options->accel);
  add_prompt_options(*command, options->prompt);
  command
      ->add_option("--backend", options->backend,
                   "Back end to run on: golden (the accelerator's integers) or rtlsim (the core, "
                   "cycle by cycle)")
      ->type_name("NAME")
      ->check(CLI::IsMember({"golden", "rtlsim"}))
      ->capture_default_str();
  command->add_option("--max-tokens", options->max_tokens, "Stop after this many tokens")
      ->type_name("N")
      ->check(kCount)
      ->capture_default_str();
  command->add_flag("--ignore-eos", options->ignore_eos, "Continue after an end-of-text token");
  command->callback([options] { run(*options); });
}

}  // namespace lightmamba::cli

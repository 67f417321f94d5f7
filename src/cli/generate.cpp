#include <memory>
#include <optional>

#include <lightmamba/generate.h>

#include "base/fail.h"
#include "cli/backend.h"
#include "cli/commands.h"
#include "cli/common.h"
#include "model/model_files.h"

namespace lightmamba::cli {
namespace {

struct GenerateArguments {
  ModelOptions model;
  TextSource prompt;
  GenerateOptions generate;
  std::filesystem::path draft;  // "ngram", a model, or empty
  bool ignore_eos = false;
  bool echo = false;
  std::filesystem::path load_state;
  std::filesystem::path save_state;
};

double per_second(std::int64_t tokens, double seconds) {
  return seconds > 0 ? static_cast<double>(tokens) / seconds : 0.0;
}

void require_effect(const GenerateArguments& options) {
  const SamplingOptions& sampling = options.generate.sampling;
  const CLI::App& command = *options.model.command;
  const Sampler refuses_what_is_out_of_range(sampling, {});
  if (sampling.temperature == 0) {
    refuse_without_effect(command, {"--top-k", "--top-p", "--seed"}, "at --temperature 0");
  }
  if (sampling.repeat_penalty == 1) {
    refuse_without_effect(command, {"--repeat-window"}, "without --repeat-penalty");
  }
  if (options.draft.empty()) {
    refuse_without_effect(command, {"--draft-tokens"}, "without --draft");
  }
  // The first token needs no pass, and the last one no draft behind it.
  if (options.generate.max_tokens < 3) {
    refuse_without_effect(command, {"--draft"}, "with --max-tokens below 3");
  }
  if (options.model.json) refuse_without_effect(command, {"--echo"}, "with --json");
}

bool has_draft_model(const GenerateArguments& options) {
  return !options.draft.empty() && options.draft != "ngram";
}

// The options of the model that drafts for another, which has the back end that suits it.
ModelOptions draft_model_options(const GenerateArguments& options) {
  ModelOptions draft = options.model;
  draft.model = options.draft;
  draft.backend = "auto";
  draft.tokenizer.clear();  // its own, which is compared with that of the model
  return draft;
}

Drafter load_drafter(const GenerateArguments& options, const Model& model) {
  if (options.draft.empty()) return {};
  if (!has_draft_model(options)) return ngram_drafter();
  const ModelOptions draft = draft_model_options(options);
  const Model smaller = load_model(draft);
  return model_drafter(
      with_context(draft.model.string(), [&] { return open_backend(smaller, draft); }), model);
}

void run(const GenerateArguments& options) {
  require_effect(options);
  refuse_to_overwrite(options.save_state, options.model);
  if (has_draft_model(options)) {
    refuse_to_overwrite(options.save_state, draft_model_options(options));
  }
  refuse_to_overwrite(options.save_state, options.prompt.file);
  if (!options.prompt.is_given() && options.load_state.empty()) {
    throw CLI::RequiredError("--prompt or --prompt-file");
  }
  const auto backend = load_backend(options.model);
  const Model& model = backend->model();
  const Tokenizer& tokenizer = model.tokenizer();
  require_place_for(options.save_state);
  std::optional<State> state;
  if (!options.load_state.empty()) state = load_state(model, options.load_state);
  // A sequence that has logits goes on without a prompt.
  const bool goes_on = state && !state->logits.empty();
  const std::string prompt = options.prompt.is_given() ? read_text(options.prompt) : "";
  // What follows a saved state does not begin a text.
  const std::vector<TokenId> ids = tokenizer.encode(prompt, {.add_special_tokens = !state});
  if (ids.empty() && !goes_on) {
    if (!options.prompt.is_given()) fail("{}: no logits to go on from", options.load_state);
    fail("{}: the prompt has no tokens", source_name(options.prompt));
  }
  if (!options.save_state.empty()) require_place_for_state(model, options.save_state);
  const std::unique_ptr<Sequence> sequence = backend->open({.state = state ? &*state : nullptr});
  GenerateOptions generate_options = options.generate;
  generate_options.stop_at_eos = !options.ignore_eos;
  generate_options.draft.drafter = load_drafter(options, model);

  TextStream stream(tokenizer);
  std::string text;
  bool begun = false;  // nothing is printed before the options have been found good
  const auto emit = [&](const std::string& piece) {
    text += piece;
    if (options.model.json) return;
    if (options.echo && !begun) write_output(prompt);
    begun = true;
    write_output(piece);
    flush_output();
  };
  Generator generator(*sequence, ids, generate_options);
  while (const auto id = generator.next()) emit(stream.push(*id));
  emit(stream.finish());
  if (!options.save_state.empty()) {
    generator.finish();
    save_state(sequence->state(), model, options.save_state);
  }
  const GenerateResult& result = generator.result();

  if (options.model.json) {
    print_json(
        {{"prompt", prompt},
         {"text", text},
         {"ids", result.ids},
         {"stop", stop_name(result.stop_reason)},
         {"prompt_tokens", result.prompt_tokens},
         {"generated_tokens", result.ids.size()},
         {"decode_passes", result.decode_passes},
         {"draft_tokens", result.draft_tokens},
         {"accepted_tokens", result.accepted_tokens},
         {"prefill_tokens_per_second", per_second(result.prompt_tokens, result.prefill_seconds)},
         {"decode_tokens_per_second", per_second(result.decode_steps, result.decode_seconds)}});
  } else {
    write_output("\n");
  }
}

}  // namespace

void add_generate(CLI::App& app) {
  CLI::App* command = app.add_subcommand("generate", "Continue a text");
  auto options = std::make_shared<GenerateArguments>();
  GenerateOptions& generate = options->generate;
  SamplingOptions& sampling = generate.sampling;
  add_model_argument(*command, options->model);
  add_text_source(*command, options->prompt, "--prompt", "--prompt-file", "Prompt");
  options->prompt.group->require_option(0, 1);  // a saved state goes on without
  command->add_option("--max-tokens", generate.max_tokens, "Stop after this many tokens")
      ->type_name("N")
      ->check(kCount)
      ->capture_default_str();
  command
      ->add_option(
          "--temperature", sampling.temperature,
          "Divide the logits by this before sampling; 0 always takes the most likely token")
      ->type_name("X")
      ->check(CLI::NonNegativeNumber)
      ->capture_default_str();
  command
      ->add_option("--top-k", sampling.top_k, "Sample among the K most likely tokens; 0 means all")
      ->type_name("K")
      ->check(CLI::NonNegativeNumber)
      ->capture_default_str();
  command
      ->add_option(
          "--top-p", sampling.top_p,
          "Sample among the fewest tokens that together reach this probability; 1 means all")
      ->type_name("P")
      ->check(CLI::PositiveNumber)
      ->capture_default_str();
  command
      ->add_option("--repeat-penalty", sampling.repeat_penalty,
                   "Penalty that makes recent tokens less likely; 1 means none")
      ->type_name("X")
      ->check(CLI::PositiveNumber)
      ->capture_default_str();
  command
      ->add_option("--repeat-window", sampling.repeat_window,
                   "Number of last tokens that the penalty applies to; 0 means all")
      ->type_name("N")
      ->check(CLI::NonNegativeNumber)
      ->capture_default_str();
  command->add_option("--seed", sampling.seed, "Seed of the sampler")
      ->type_name("N")
      ->check(IsSeed())
      ->capture_default_str();
  command
      ->add_option(
          "--draft", options->draft,
          "Propose tokens that the model then checks several at a time, which is faster and "
          "changes no text: ngram (what followed the same tokens earlier in the text), or a "
          "smaller MODEL with the same tokens")
      ->type_name("ngram|MODEL")
      ->check(NotEmpty());
  command
      ->add_option("--draft-tokens", generate.draft.tokens,
                   "With --draft: largest number of tokens to propose at once")
      ->type_name("N")
      ->check(CLI::Range(std::int64_t{1}, std::int64_t{64}))
      ->capture_default_str();
  command->add_flag("--ignore-eos", options->ignore_eos, "Continue after an end-of-text token");
  command->add_flag("--echo", options->echo, "Print the prompt first");
  command
      ->add_option("--load-state", options->load_state,
                   "Continue from a saved state; the prompt is then optional")
      ->type_name("FILE")
      ->check(NotEmpty());
  command
      ->add_option("--save-state", options->save_state,
                   "Save the state after the last token to a file")
      ->type_name("FILE")
      ->check(NotEmpty());
  add_run_options(*command, options->model);
  add_backend_options(*command, options->model);
  command->callback([options] { run(*options); });
}

}  // namespace lightmamba::cli

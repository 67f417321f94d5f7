#include <memory>

#include <lightmamba/evaluate.h>

#include "base/fail.h"
#include "base/file.h"
#include "base/progress.h"
#include "cli/backend.h"
#include "cli/commands.h"
#include "cli/common.h"
#include "cli/taps.h"
#include "quant/state_format.h"

namespace lightmamba::cli {
namespace {

struct PerplexityArguments {
  ModelOptions model;
  std::filesystem::path file;
  PerplexityOptions perplexity;
  std::vector<std::string> taps;
  std::string state = "float";
};

nlohmann::ordered_json bins_as_json(const std::vector<PerplexityBin>& bins) {
  nlohmann::ordered_json json = nlohmann::ordered_json::array();
  for (const PerplexityBin& bin : bins) {
    json.push_back({{"begin", bin.begin},
                    {"tokens", bin.tokens},
                    {"nll", bin.nll},
                    {"perplexity", bin.perplexity}});
  }
  return json;
}

void print_bins(const std::vector<PerplexityBin>& bins) {
  write_output(
      fmt::format("\n{:>10}  {:>8}  {:>8}  {:>10}\n", "position", "tokens", "nll", "perplexity"));
  for (const PerplexityBin& bin : bins) {
    write_output(fmt::format("{:>10}  {:>8}  {:>8.5f}  {:>10.4f}\n", bin.begin, bin.tokens, bin.nll,
                             bin.perplexity));
  }
}

void run(const PerplexityArguments& options) {
  Taps taps = quantizing_taps(options.taps);
  const StateFormat state = parse_state_format(options.state);
  if (state != StateFormat::floating && taps.has(Tap::state)) {
    fail("--state and --tap state= exclude each other");
  }
  if (!taps.empty()) require_reference_for_taps(options.model, "--tap");
  if (state != StateFormat::floating) require_reference_for_taps(options.model, "--state");
  const bool is_tapped = !taps.empty() || state != StateFormat::floating;
  const auto backend = load_backend(options.model, is_tapped ? WithTaps::yes : WithTaps::no);
  if (state != StateFormat::floating) {
    taps.set(Tap::state, state_tap(state_codes(state), backend->config()));
  }
  const std::string text = read_input(options.file);
  const std::vector<TokenId> tokens = with_context(
      options.file.string(), [&] { return backend->model().tokenizer().encode(text); });
  PerplexityResult result;
  {
    ProgressBar bar("perplexity", "tokens");
    PerplexityOptions settings = options.perplexity;
    settings.progress = bar.callback();
    settings.taps = &taps;
    result =
        with_context(options.file.string(), [&] { return perplexity(*backend, tokens, settings); });
  }
  const double bits_per_byte = result.bits_per_byte.value();
  if (options.model.json) {
    nlohmann::ordered_json json = {{"perplexity", result.perplexity},
                                   {"nll", result.nll},
                                   {"tokens", result.tokens},
                                   {"bits_per_byte", bits_per_byte}};
    if (options.perplexity.bin > 0) json["bins"] = bins_as_json(result.bins);
    print_json(json);
  } else {
    write_output(fmt::format("perplexity     {:.4f}\n", result.perplexity));
    write_output(fmt::format("nll            {:.5f} per token\n", result.nll));
    write_output(fmt::format("bits per byte  {:.4f}\n", bits_per_byte));
    write_output(fmt::format("tokens         {}\n", result.tokens));
    if (options.perplexity.bin > 0) print_bins(result.bins);
  }
}

}  // namespace

void add_perplexity(CLI::App& app) {
  CLI::App* command = app.add_subcommand("perplexity", "Measure how well a model predicts a text");
  auto options = std::make_shared<PerplexityArguments>();
  add_model_argument(*command, options->model);
  command->add_option("--file", options->file, "File with the text to score")
      ->required()
      ->type_name("FILE");
  command->add_option("--context", options->perplexity.context, "Number of tokens in a window")
      ->type_name("N")
      ->check(kPositiveCount)
      ->capture_default_str();
  command
      ->add_option("--max-tokens", options->perplexity.max_tokens,
                   "Score at most this many tokens; 0 means all")
      ->type_name("N")
      ->check(kCount)
      ->capture_default_str();
  command
      ->add_option(
          "--bins", options->perplexity.bin,
          "Also report by position in the window, in bins of N positions; 0 turns this off")
      ->type_name("N")
      ->check(kCount)
      ->capture_default_str();
  add_tap_option(*command, options->taps);
  command
      ->add_option(
          "--state", options->state,
          "Round the state after every token, as quantize --state does: int16, int8ef or int8; "
          "float does not round")
      ->type_name("FORMAT")
      ->check(CLI::IsMember({"float", "int16", "int8ef", "int8"}))
      ->capture_default_str();
  add_run_options(*command, options->model);
  add_backend_options(*command, options->model);
  command->callback([options] { run(*options); });
}

}  // namespace lightmamba::cli

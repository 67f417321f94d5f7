#include <memory>

#include "base/fail.h"
#include "cli/commands.h"
#include "cli/common.h"

namespace lightmamba::cli {
namespace {

struct TokenizeArguments {
  ModelOptions model;
  TextSource source;
  bool pieces = false;
  bool ids = false;
  bool no_special_tokens = false;
};

void tokenize(const TokenizeArguments& options) {
  if (options.model.json) {
    refuse_without_effect(*options.model.command, {"--pieces"}, "with --json");
  }
  const Tokenizer tokenizer = load_tokenizer(options.model);
  const std::vector<TokenId> ids = tokenizer.encode(
      read_text(options.source), {.add_special_tokens = !options.no_special_tokens});
  if (options.model.json) {
    print_json({{"ids", ids}});
    return;
  }
  for (const TokenId id : ids) {
    if (options.pieces) {
      write_output(fmt::format("{}\t{}\n", id, json_string(tokenizer.token_bytes(id))));
    } else {
      write_output(fmt::format("{}\n", id));
    }
  }
}

void detokenize(const TokenizeArguments& options) {
  const Tokenizer tokenizer = load_tokenizer(options.model);
  const std::string text =
      tokenizer.decode(parse_ids(read_text(options.source), source_name(options.source)));
  if (options.model.json) {
    print_json({{"text", text}});
  } else {
    write_output(text);
  }
}

std::shared_ptr<TokenizeArguments> add_tokenizer_command(CLI::App& command) {
  auto options = std::make_shared<TokenizeArguments>();
  command
      .add_option("model", options->model.model,
                  "Model directory, quantized file or tokenizer.json")
      ->required()
      ->type_name("MODEL");
  add_tokenizer_option(command, options->model);
  add_json_option(command, options->model);
  return options;
}

}  // namespace

void add_tokenize(CLI::App& app) {
  CLI::App* command = app.add_subcommand("tokenize", "Convert text to token ids, one per line");
  const std::shared_ptr<TokenizeArguments> options = add_tokenizer_command(*command);
  add_text_source(*command, options->source, "--text", "--file", "Text");
  CLI::Option* ids = command->add_flag("--ids", options->ids, "Print the ids alone (the default)");
  command->add_flag("--pieces", options->pieces, "Print each id with its text, as a JSON string")
      ->excludes(ids);
  command->add_flag("--no-special-tokens", options->no_special_tokens,
                    "Leave out the tokens that the tokenizer puts around a prompt");
  command->callback([options] { tokenize(*options); });
}

void add_detokenize(CLI::App& app) {
  CLI::App* command = app.add_subcommand("detokenize", "Convert token ids to text");
  const std::shared_ptr<TokenizeArguments> options = add_tokenizer_command(*command);
  add_text_source(*command, options->source, "--ids", "--file", "Ids");
  command->callback([options] { detokenize(*options); });
}

}  // namespace lightmamba::cli

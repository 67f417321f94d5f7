#include <algorithm>
#include <cmath>
#include <memory>
#include <numeric>

#include "base/fail.h"
#include "cli/backend.h"
#include "cli/commands.h"
#include "cli/common.h"

namespace lightmamba::cli {
namespace {

struct LogitsArguments {
  ModelOptions model;
  std::string tokens;
  std::int64_t top = 5;
};

// Shortest digits that read back as the same float.
void append_json_row(std::string& out, std::span<const float> row) {
  out += '[';
  for (std::size_t i = 0; i < row.size(); ++i) {
    fmt::format_to(std::back_inserter(out), "{}{}", i == 0 ? "" : ",", row[i]);
  }
  out += ']';
}

void print_best(std::span<const float> row, std::int64_t top, const Tokenizer* tokenizer) {
  std::vector<TokenId> ids(row.size());
  std::iota(ids.begin(), ids.end(), 0);
  const auto count = std::min(top, std::ssize(ids));
  std::partial_sort(ids.begin(), ids.begin() + count, ids.end(), [&](TokenId a, TokenId b) {
    const float x = row[static_cast<std::size_t>(a)];
    const float y = row[static_cast<std::size_t>(b)];
    return x > y || (x == y && a < b);
  });
  for (std::int64_t i = 0; i < count; ++i) {
    const TokenId id = ids[static_cast<std::size_t>(i)];
    std::string piece;
    if (tokenizer != nullptr && tokenizer->has_token(id)) {
      piece = json_string(tokenizer->token_bytes(id));
    }
    write_output(
        fmt::format("  {:>6}  {:>10.4f}  {}\n", id, row[static_cast<std::size_t>(id)], piece));
  }
}

void logits(const LogitsArguments& options) {
  const std::vector<TokenId> tokens = parse_ids(options.tokens, "--tokens");
  if (tokens.empty()) fail("--tokens: no token ids");
  if (options.model.json) {
    refuse_without_effect(*options.model.command, {"--top", "--tokenizer"}, "with --json");
  }
  const auto backend = load_backend(options.model);
  const Model& model = backend->model();
  const Tokenizer* tokenizer = model.has_tokenizer() ? &model.tokenizer() : nullptr;
  std::string json;  // printed when complete
  backend->open()->prefill_all(tokens, [&](std::int64_t index, std::span<const float> row) {
    for (std::size_t i = 0; i < row.size(); ++i) {
      if (!std::isfinite(row[i])) {
        fail("{}: the logit of token {} is not a number after token {} of the input",
             options.model.model, i, index);
      }
    }
    if (options.model.json) {
      if (index > 0) json += ", ";
      append_json_row(json, row);
    } else {
      write_output(
          fmt::format("after token {} ({})\n", index, tokens[static_cast<std::size_t>(index)]));
      print_best(row, options.top, tokenizer);
    }
  });
  if (options.model.json) write_output("{\"logits\": [" + json + "]}\n");
}

}  // namespace

void add_logits(CLI::App& app) {
  CLI::App* command = app.add_subcommand("logits", "Print the logits after each token");
  auto options = std::make_shared<LogitsArguments>();
  add_model_argument(*command, options->model);
  command->add_option("--tokens", options->tokens, "Token ids, separated by commas")
      ->required()
      ->type_name("IDS");
  command->add_option("--top", options->top, "Without --json: number of largest logits to print")
      ->type_name("N")
      ->check(CLI::PositiveNumber)
      ->capture_default_str();
  add_run_options(*command, options->model);
  add_backend_options(*command, options->model);
  command->callback([options] { logits(*options); });
}

}  // namespace lightmamba::cli

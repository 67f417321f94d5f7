#include <fmt/ranges.h>
#include <map>
#include <memory>

#include "base/fail.h"
#include "base/file.h"
#include "base/progress.h"
#include "cli/commands.h"
#include "cli/common.h"
#include "cli/quantize_options.h"
#include "eval/compare_methods.h"

namespace lightmamba::cli {
namespace {

struct Options {
  ModelOptions model;
  std::filesystem::path file;
  std::vector<std::string> methods = {"rtn",
                                      "smoothquant",
                                      "os+",
                                      "lightmamba",
                                      "lightmamba*",
                                      "lightmamba+clip",
                                      "lightmamba+clip+gptq",
                                      "lightmamba*+clip+gptq"};
  std::vector<std::string> schemes = {"w8a8", "w4a4"};
  QuantizeChoices details;
  std::vector<std::string> tasks;  // NAME=FILE
  CompareOptions compare;
  bool no_taps = false;
  std::filesystem::path markdown;
  std::filesystem::path json_file;
};

using Cells = std::vector<std::string>;

TaskFile parse_task_file(const std::string& text) {
  const std::size_t equals = text.find('=');
  if (equals == std::string::npos) fail("--task '{}': expected NAME=FILE", text);
  return {parse_task(text.substr(0, equals)), text.substr(equals + 1)};
}

std::string percent(double part, double whole) {
  return fmt::format("{:+.2f}", 100 * (part / whole - 1));
}

std::string scheme_of(const CompareRow& row) {
  return row.quantization ? scheme_name(row.quantization->scheme) : "float";
}

// The first row of each table is its head.
std::vector<Cells> method_table(const Comparison& comparison) {
  std::vector<Cells> table = {
      {"scheme", "method", "perplexity", "change %", "bits/byte", "KL nats", "same top %"}};
  const CompareRow& reference = comparison.rows.front();
  for (const TaskResult& task : reference.tasks) {
    table.front().push_back(fmt::format("{} %", task_name(task.task)));
  }
  table.front().emplace_back("size");
  for (const CompareRow& row : comparison.rows) {
    const PerplexityResult& text = row.text.perplexity;
    Cells cells = {scheme_of(row),
                   row.variant,
                   fmt::format("{:.3f}", text.perplexity),
                   percent(text.perplexity, reference.text.perplexity.perplexity),
                   text.bits_per_byte ? fmt::format("{:.4f}", *text.bits_per_byte) : "",
                   fmt::format("{:.5f}", row.text.kl),
                   fmt::format("{:.2f}", 100 * row.text.agreement)};
    for (const TaskResult& task : row.tasks) {
      cells.push_back(fmt::format("{:.1f} +- {:.1f}", 100 * task.accuracy.value,
                                  100 * task.accuracy.standard_error));
    }
    cells.push_back(human_bytes(static_cast<double>(row.bytes)));
    table.push_back(std::move(cells));
  }
  return table;
}

// Relative errors in percent; a row for each tap and method, a column for each layer.
std::vector<Cells> tap_table(const Comparison& comparison, std::int64_t layers) {
  std::vector<Cells> table = {{"tap", "method"}};
  for (std::int64_t layer = 0; layer < layers; ++layer) {
    table.front().push_back(fmt::format("{}", layer));
  }
  for (const MethodTaps& method : comparison.taps) {
    std::map<Tap, Cells> rows;
    for (const TapError& error : method.errors) {
      Cells& cells = rows[error.tap];
      if (cells.empty()) {
        cells = {std::string(tap_name(error.tap)),
                 method.method ? std::string(method_name(*method.method)) : "float"};
      }
      cells.push_back(fmt::format("{:.2f}", 100 * error.value.error));
    }
    for (auto& [tap, cells] : rows) {
      cells.resize(table.front().size());
      table.push_back(std::move(cells));
    }
  }
  return table;
}

std::string as_text(const std::vector<Cells>& table) {
  std::string out;
  for (const Cells& cells : table) {
    for (std::size_t column = 0; column < cells.size(); ++column) {
      std::size_t width = 0;
      for (const Cells& other : table) width = std::max(width, other[column].size());
      out += column < 2 ? fmt::format("{:<{}}  ", cells[column], width)
                        : fmt::format("{:>{}}  ", cells[column], width);
    }
    out.resize(out.find_last_not_of(' ') + 1);
    out += '\n';
  }
  return out;
}

std::string as_markdown(const std::vector<Cells>& table) {
  std::string out;
  for (std::size_t row = 0; row < table.size(); ++row) {
    out += fmt::format("| {} |\n", fmt::join(table[row], " | "));
    if (row > 0) continue;
    out += "|";
    for (std::size_t column = 0; column < table[row].size(); ++column) {
      out += column < 2 ? "---|" : "---:|";
    }
    out += '\n';
  }
  return out;
}

constexpr const char* kTapsTitle =
    "Relative error at 4 bits in groups of 128, in percent, by layer";

std::string document(const Comparison& comparison, std::int64_t layers, bool markdown) {
  const auto format = markdown ? as_markdown : as_text;
  std::string out = format(method_table(comparison));
  if (!comparison.taps.empty()) {
    out += fmt::format("\n{}{}\n\n{}", kTapsTitle, markdown ? ":" : "",
                       format(tap_table(comparison, layers)));
  }
  return out;
}

nlohmann::ordered_json row_json(const CompareRow& row) {
  const PerplexityResult& text = row.text.perplexity;
  nlohmann::ordered_json json = {{"method", row.variant},           {"scheme", scheme_of(row)},
                                 {"perplexity", text.perplexity},   {"nll", text.nll},
                                 {"tokens", text.tokens},           {"kl", row.text.kl},
                                 {"agreement", row.text.agreement}, {"bytes", row.bytes}};
  if (text.bits_per_byte) json["bits_per_byte"] = *text.bits_per_byte;
  json["quantization"] = row.quantization ? quantization_json(*row.quantization) : nullptr;
  json["tasks"] = nlohmann::ordered_json::array();
  for (const TaskResult& task : row.tasks) {
    nlohmann::ordered_json entry = {{"task", task_name(task.task)},
                                    {"accuracy", task.accuracy.value},
                                    {"stderr", task.accuracy.standard_error},
                                    {"n", task.n}};
    if (task.perplexity) entry["perplexity"] = *task.perplexity;
    json["tasks"].push_back(std::move(entry));
  }
  return json;
}

nlohmann::ordered_json as_json(const Comparison& comparison) {
  nlohmann::ordered_json rows = nlohmann::ordered_json::array();
  for (const CompareRow& row : comparison.rows) rows.push_back(row_json(row));
  nlohmann::ordered_json taps = nlohmann::ordered_json::array();
  for (const MethodTaps& method : comparison.taps) {
    for (const TapError& error : method.errors) {
      taps.push_back({{"method", method.method ? method_name(*method.method) : "float"},
                      {"tap", tap_name(error.tap)},
                      {"layer", error.layer},
                      {"relative_error", error.value.error},
                      {"largest", error.value.largest},
                      {"rms", error.value.rms},
                      {"kurtosis", error.value.kurtosis}});
    }
  }
  return {{"rows", rows}, {"taps", taps}};
}

void write_text_file(const std::filesystem::path& path, const std::string& text) {
  write_file_atomically(path,
                        [&](const AppendBytes& append) { append(std::as_bytes(std::span(text))); });
}

CompareOptions compare_options(const Options& options, const Model& model) {
  CompareOptions compare = options.compare;
  compare.taps = !options.no_taps;
  for (const std::string& task : options.tasks) compare.tasks.push_back(parse_task_file(task));
  for (const std::string& scheme : options.schemes) {
    for (const std::string& method : options.methods) {
      QuantizeOptions run = with_variant(quantize_options(options.details), method);
      run.scheme = parse_scheme(scheme);
      add_calibration(options.details, model, options.model.model, run);
      compare.runs.push_back(std::move(run));
    }
  }
  return compare;
}

void run(const Options& options) {
  for (const std::string& method : options.methods) with_variant({}, method);
  const Model model = load_model(options.model);
  CompareOptions compare = compare_options(options, model);
  const std::string text = read_input(options.file);
  const std::vector<TokenId> tokens =
      with_context(options.file.string(), [&] { return model.tokenizer().encode(text); });
  std::string step;
  std::unique_ptr<ProgressBar> bar;
  compare.progress = [&](std::string_view now, std::int64_t done, std::int64_t total) {
    if (!bar || step != now) {
      step = now;
      bar.reset();
      bar = std::make_unique<ProgressBar>(step, "");
    }
    bar->update(done, total);
  };
  const Comparison comparison = compare_methods(model, tokens, compare);
  bar.reset();
  const std::int64_t layers = model.config().n_layer;
  if (!options.markdown.empty()) {
    write_text_file(options.markdown, document(comparison, layers, true));
  }
  const nlohmann::ordered_json json = as_json(comparison);
  if (!options.json_file.empty()) write_text_file(options.json_file, json.dump(1) + "\n");
  if (options.model.json) {
    print_json(json);
  } else {
    write_output(document(comparison, layers, false));
  }
}

}  // namespace

void add_compare(CLI::App& app) {
  CLI::App* command =
      app.add_subcommand("compare", "Quantization methods side by side on a model and a text");
  auto options = std::make_shared<Options>();
  options->details.clip = "none";
  add_model_argument(*command, options->model);
  command->add_option("--file", options->file, "The text")->required()->type_name("FILE");
  command
      ->add_option("--methods", options->methods,
                   "rtn, smoothquant, os+ or lightmamba; then * for the SSM in pot8, +clip, +gptq")
      ->type_name("NAME,...")
      ->delimiter(',')
      ->capture_default_str();
  command->add_option("--schemes", options->schemes, "Bits of weights and activations")
      ->type_name("NAME,...")
      ->delimiter(',')
      ->check(CLI::IsMember({"w4a4", "w4a8", "w4a16", "w8a4", "w8a8", "w8a16"}))
      ->capture_default_str();
  command->add_option("--task", options->tasks, "A task and its data, as evaluate takes them")
      ->type_name("NAME=FILE");
  command->add_option("--limit", options->compare.limit, "Items of each task; 0 is all")
      ->type_name("N")
      ->check(kCount)
      ->capture_default_str();
  command->add_option("--context", options->compare.perplexity.context, "Tokens in a window")
      ->type_name("N")
      ->check(kPositiveCount)
      ->capture_default_str();
  command
      ->add_option("--max-tokens", options->compare.perplexity.max_tokens,
                   "Score at most this many tokens; 0 is all")
      ->type_name("N")
      ->check(kCount)
      ->capture_default_str();
  command->add_flag("--no-taps", options->no_taps, "Without the errors of each layer and tap");
  command->add_option("--markdown", options->markdown, "Also write the tables as Markdown")
      ->type_name("FILE")
      ->check(NotEmpty());
  command->add_option("--json-file", options->json_file, "Also write them as JSON")
      ->type_name("FILE")
      ->check(NotEmpty());
  add_quantize_details(*command, options->details);
  add_run_options(*command, options->model);
  command->callback([options] { run(*options); });
}

}  // namespace lightmamba::cli

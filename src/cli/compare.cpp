#include <algorithm>
#include <cmath>
#include <memory>
#include <optional>

#include "base/fail.h"
#include "base/file.h"
#include "base/progress.h"
#include "base/utf8.h"
#include "cli/backend.h"
#include "cli/commands.h"
#include "cli/common.h"
#include "cli/quantize_options.h"
#include "cli/table.h"
#include "cli/task_json.h"
#include "eval/compare_methods.h"
#include "io/tasks.h"
#include "model/weights.h"
#include "quant/quantize_setup.h"

namespace lightmamba::cli {
namespace {

struct CompareArguments {
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
  std::vector<std::string> tasks;
  CompareOptions comparison;
  QuantizeChoices choices;
  bool no_taps = false;
  std::filesystem::path markdown;  // these two empty: not written
  std::filesystem::path json_file;
};

TaskFile parse_task_file(const std::string& text) {
  const std::size_t sign = text.find('=');
  if (sign == std::string::npos || sign + 1 == text.size()) {
    fail("'{}' is not of the form TASK=FILE", printable(text));
  }
  return {parse_task(std::string_view(text).substr(0, sign)), text.substr(sign + 1)};
}

// Pairs each scheme with each method; a combination that several methods reduce to is run once.
std::vector<QuantizeOptions> make_runs(const CompareArguments& options) {
  QuantizeOptions base = quantize_options(options.choices);
  std::vector<QuantizeOptions> runs;
  for (const std::string& scheme : options.schemes) {
    base.scheme = parse_scheme(scheme);
    for (const std::string& method : options.methods) {
      QuantizeOptions run = with_variant(base, method);
      const bool known = std::any_of(runs.begin(), runs.end(), [&](const QuantizeOptions& other) {
        return other.scheme == run.scheme && variant_name(other) == variant_name(run);
      });
      if (!known) runs.push_back(std::move(run));
    }
  }
  return runs;
}

// Throws Error if a row cannot be quantized as its options say, or cannot run on its back end.
void check_runs(const CompareArguments& options, std::span<const QuantizeOptions> runs,
                const Mamba2Config& config) {
  std::vector<std::string> backends;
  for (const QuantizeOptions& run : runs) {
    const std::string name = fmt::format("{} {}", scheme_name(run.scheme), variant_name(run));
    const std::string backend = with_context(name, [&] {
      const QuantizeSetup setup(config, run);
      Weights format;  // without values
      format.config = setup.config;
      format.quantization = setup.quantization;
      return choose_backend(format, options.model);
    });
    if (std::ranges::find(backends, backend) == backends.end()) backends.push_back(backend);
  }
  require_effect(options.model, backends);
}

void check_task_file(const TaskFile& file) {
  switch (file.task) {
    case Task::lambada:
      read_lambada(file.data);
      break;
    case Task::piqa:
      read_piqa(file.data);
      break;
    case Task::arc:
      read_arc(file.data);
      break;
    case Task::openbookqa:
      read_openbookqa(file.data);
      break;
  }
}

void check_outputs(const CompareArguments& options) {
  for (const std::filesystem::path& out : {options.markdown, options.json_file}) {
    refuse_to_overwrite(out, options.model);
    refuse_to_overwrite(out, options.file);
    refuse_to_overwrite(out, options.choices.calibration);
    for (const TaskFile& task : options.comparison.tasks) {
      refuse_to_overwrite(out, task.data);
      if (task.task == Task::piqa) refuse_to_overwrite(out, piqa_labels_path(task.data));
    }
    require_place_for(out);
  }
  require_different_outputs(options.markdown, options.json_file);
}

double change(const CompareRow& row, const Comparison& comparison) {
  return row.text.perplexity.perplexity / comparison.rows.front().text.perplexity.perplexity - 1;
}

std::string scheme_of(const CompareRow& row) {
  return row.quantization ? scheme_name(row.quantization->scheme) : "float";
}

std::string_view name_of(const MethodTaps& taps) {
  return taps.method ? method_name(*taps.method) : "float";
}

nlohmann::ordered_json row_json(const CompareRow& row, const Comparison& comparison,
                                const CompareOptions& options) {
  const PerplexityResult& text = row.text.perplexity;
  nlohmann::ordered_json json = {{"method", row.variant}, {"scheme", scheme_of(row)}};
  json["perplexity"] = text.perplexity;
  json["perplexity_change"] = change(row, comparison);
  json["nll"] = text.nll;
  json["tokens"] = text.tokens;
  json["bits_per_byte"] = text.bits_per_byte.value();
  json["kl"] = row.text.kl;
  json["agreement"] = row.text.agreement;
  nlohmann::ordered_json tasks = nlohmann::ordered_json::array();
  for (std::size_t i = 0; i < row.tasks.size(); ++i) {
    tasks.push_back(task_json(row.tasks[i]));
    tasks.back()["data"] = options.tasks[i].data.filename().string();
  }
  json["tasks"] = tasks;
  json["bytes"] = row.bytes;
  json["backend"] = row.backend;
  json["quantization"] = nullptr;
  if (row.quantization) json["quantization"] = quantization_json(*row.quantization);
  return json;
}

nlohmann::ordered_json as_json(const Comparison& comparison, const CompareArguments& options) {
  nlohmann::ordered_json rows = nlohmann::ordered_json::array();
  for (const CompareRow& row : comparison.rows) {
    rows.push_back(row_json(row, comparison, options.comparison));
  }
  nlohmann::ordered_json json = {{"model", model_name(options.model.model)},
                                 {"file", options.file.filename().string()},
                                 {"context", options.comparison.perplexity.context},
                                 {"tokens", comparison.rows.front().text.perplexity.tokens},
                                 {"rows", rows}};
  if (!options.comparison.taps) return json;
  json["taps"] = nlohmann::ordered_json::array();
  for (const MethodTaps& taps : comparison.taps) {
    for (const TapError& error : taps.errors) {
      json["taps"].push_back({{"method", name_of(taps)},
                              {"tap", tap_name(error.tap)},
                              {"layer", error.layer},
                              {"relative_error", error.value.error},
                              {"largest", error.value.largest},
                              {"rms", error.value.rms},
                              {"kurtosis", error.value.kurtosis}});
    }
  }
  return json;
}

std::string percent(double share) { return fmt::format("{:.1f} %", 100 * share); }

std::string accuracy_cell(const Accuracy& accuracy) {
  if (std::isnan(accuracy.standard_error)) return percent(accuracy.value);
  return fmt::format("{:.1f} +- {:.1f} %", 100 * accuracy.value, 100 * accuracy.standard_error);
}

// Models that a method has ruined have perplexities of any size.
std::string short_number(double value, const char* unit = "") {
  return value < 1e5 ? fmt::format("{:.2f}{}", value, unit) : fmt::format("{:.2e}{}", value, unit);
}

// The name of a task, or of the data set where a task is given twice.
std::string heading(const TaskFile& file, const std::vector<TaskFile>& all) {
  const auto same = std::count_if(all.begin(), all.end(),
                                  [&](const TaskFile& other) { return other.task == file.task; });
  return same > 1 ? file.data.stem().string() : std::string(task_name(file.task));
}

Table method_table(const Comparison& comparison, const CompareOptions& options) {
  std::vector<std::string> head = {"scheme",        "method",   "perplexity", "change",
                                   "bits per byte", "KL, nats", "same top"};
  for (const TaskFile& file : options.tasks) head.push_back(heading(file, options.tasks));
  head.emplace_back("size");
  Table table{.names = 2, .rows = {head}};
  for (const CompareRow& row : comparison.rows) {
    const bool is_float = !row.quantization;
    std::vector<std::string> cells = {
        scheme_of(row),
        row.variant,
        short_number(row.text.perplexity.perplexity),
        is_float ? ""
                 : (change(row, comparison) < 0 ? "" : "+") +
                       short_number(100 * change(row, comparison), " %"),
        fmt::format("{:.3f}", row.text.perplexity.bits_per_byte.value()),
        is_float ? "" : fmt::format("{:.4f}", row.text.kl),
        is_float ? "" : percent(row.text.agreement)};
    for (const TaskResult& task : row.tasks) cells.push_back(accuracy_cell(task.accuracy));
    cells.push_back(human_bytes(static_cast<double>(row.bytes)));
    table.rows.push_back(std::move(cells));
  }
  return table;
}

Table tap_table(const Comparison& comparison, std::int64_t layers) {
  Table table{.names = 2, .rows = {{"tap", "method"}}};
  for (std::int64_t layer = 0; layer < layers; ++layer) {
    table.rows[0].push_back(fmt::format("{}", layer));
  }
  for (int i = 0; i < kTapCount; ++i) {
    for (const MethodTaps& taps : comparison.taps) {
      std::vector<std::string> cells = {std::string(tap_name(static_cast<Tap>(i))),
                                        std::string(name_of(taps))};
      for (const TapError& error : taps.errors) {
        if (error.tap == static_cast<Tap>(i) && error.layer >= 0) {
          cells.push_back(percent(error.value.error));
        }
      }
      if (std::ssize(cells) == layers + 2) table.rows.push_back(std::move(cells));
    }
  }
  return table;
}

std::string outside_layers(const Comparison& comparison) {
  std::string text;
  for (const TapError& error : comparison.taps.front().errors) {
    if (error.layer >= 0) continue;
    text += fmt::format("{}{} {}", text.empty() ? "" : ", ", tap_name(error.tap),
                        percent(error.value.error));
  }
  return text;
}

std::string as_text(const Comparison& comparison, const CompareArguments& options,
                    std::int64_t layers, std::string (*table_text)(const Table&)) {
  std::string text =
      fmt::format("{}, {} tokens of {} in windows of {}\n\n", model_name(options.model.model),
                  comparison.rows.front().text.perplexity.tokens, options.file.filename().string(),
                  options.comparison.perplexity.context);
  text += table_text(method_table(comparison, options.comparison));
  if (!options.comparison.taps) return text;
  text += "\nError of rounding to 4 bits in groups of 128, by layer\n\n";
  text += table_text(tap_table(comparison, layers));
  text += fmt::format("\nOutside the layers: {}\n", outside_layers(comparison));
  return text;
}

void write_text_file(const std::filesystem::path& path, const std::string& text) {
  if (path.empty()) return;
  write_file_atomically(path,
                        [&](const AppendBytes& append) { append(std::as_bytes(std::span(text))); });
}

Comparison compare(const CompareArguments& options, const Model& model,
                   std::vector<QuantizeOptions> runs) {
  const std::string text = read_input(options.file);
  const std::vector<TokenId> tokens =
      with_context(options.file.string(), [&] { return model.tokenizer().encode(text); });
  CompareOptions settings = options.comparison;
  add_calibration(options.choices, model, options.model.model, runs);
  check_runs(options, runs, model.config());
  settings.runs = std::move(runs);
  settings.place = [&](const Model& quantized) { return open_backend(quantized, options.model); };
  ProgressBar bar("compare", "parts");
  settings.progress = [&](std::string_view step, std::int64_t done, std::int64_t total) {
    if (bar.label() != step) bar.restart(std::string(step));
    bar.update(done, total);
  };
  return compare_methods(model, tokens, settings);
}

void run(CompareArguments options) {
  for (const std::string& task : options.tasks) {
    options.comparison.tasks.push_back(parse_task_file(task));
  }
  options.comparison.taps = !options.no_taps;
  if (options.tasks.empty()) {
    refuse_without_effect(*options.model.command, {"--limit"}, "without --task");
  }
  check_outputs(options);
  for (const TaskFile& task : options.comparison.tasks) check_task_file(task);
  apply_backend_options(options.model);
  std::vector<QuantizeOptions> runs = make_runs(options);
  require_effect(options.choices, runs);
  const Model model = load_model(options.model);
  require_float(model, options.model.model);
  const Comparison comparison = compare(options, model, std::move(runs));
  const nlohmann::ordered_json json = as_json(comparison, options);
  const std::int64_t layers = model.config().n_layer;
  if (options.model.json) {
    print_json(json);
  } else {
    write_output(as_text(comparison, options, layers, text_table));
  }
  flush_output();
  write_text_file(options.markdown, as_text(comparison, options, layers, markdown_table));
  write_text_file(options.json_file, json_text(json));
}

void add_text_options(CLI::App& command, CompareArguments& options) {
  command.add_option("--file", options.file, "File with the text to score")
      ->required()
      ->type_name("FILE");
  command
      .add_option("--context", options.comparison.perplexity.context,
                  "Number of tokens in a window")
      ->type_name("N")
      ->check(kPositiveCount)
      ->capture_default_str();
  command
      .add_option("--max-tokens", options.comparison.perplexity.max_tokens,
                  "Score at most this many tokens; 0 means all")
      ->type_name("N")
      ->check(kCount)
      ->capture_default_str();
  command
      .add_option("--task", options.tasks,
                  "Also measure accuracy in a task (lambada, piqa, arc or openbookqa) on the given "
                  "data set; may be given several times")
      ->type_name("TASK=FILE")
      ->allow_extra_args(false)
      ->check([](const std::string& text) { return error_of([&] { parse_task_file(text); }); });
  command
      .add_option("--limit", options.comparison.limit,
                  "Use only the first N items of each task; 0 means all")
      ->type_name("N")
      ->check(kCount)
      ->capture_default_str();
}

}  // namespace

void add_compare(CLI::App& app) {
  CLI::App* command =
      app.add_subcommand("compare", "Compare quantization methods with the float model");
  auto options = std::make_shared<CompareArguments>();
  add_model_argument(*command, options->model);
  add_text_options(*command, *options);
  command
      ->add_option(
          "--methods", options->methods,
          "Methods to compare, separated by commas: rtn, smoothquant, os+ and lightmamba, each "
          "optionally followed by * (SSM in pot8), +clip and +gptq")
      ->type_name("NAMES")
      ->delimiter(',')
      ->allow_extra_args(false)
      ->check([](const std::string& name) { return error_of([&] { with_variant({}, name); }); })
      ->capture_default_str();
  command
      ->add_option("--schemes", options->schemes,
                   "Schemes to compare, separated by commas, as for quantize --scheme")
      ->type_name("NAMES")
      ->delimiter(',')
      ->allow_extra_args(false)
      ->check([](const std::string& name) { return error_of([&] { parse_scheme(name); }); })
      ->capture_default_str();
  options->choices.clip = "none";  // so that the rows are the plain methods
  add_quantize_details(*command, options->choices);
  command->add_flag("--no-taps", options->no_taps, "Leave out the rounding errors of each layer");
  command->add_option("--markdown", options->markdown, "Also write the tables to a Markdown file")
      ->type_name("FILE")
      ->check(NotEmpty());
  command->add_option("--json-file", options->json_file, "Also write the JSON report to a file")
      ->type_name("FILE")
      ->check(NotEmpty());
  add_run_options(*command, options->model);
  add_backend_choice(*command, options->model);
  command->callback([options] { run(*options); });
}

}  // namespace lightmamba::cli

#include <cmath>
#include <memory>

#include <lightmamba/evaluate.h>

#include "base/fail.h"
#include "base/progress.h"
#include "cli/backend.h"
#include "cli/commands.h"
#include "cli/common.h"
#include "cli/taps.h"
#include "cli/task_json.h"

namespace lightmamba::cli {
namespace {

struct EvaluateArguments {
  ModelOptions model;
  std::string task;
  std::filesystem::path data;
  TaskOptions evaluation;
  std::vector<std::string> taps;
};

void print_text(const TaskResult& result) {
  const auto row = [](const char* name, const Accuracy& accuracy) {
    const std::string error = std::isnan(accuracy.standard_error)
                                  ? "(one item has no standard error)"
                                  : fmt::format("+- {:.4f}", accuracy.standard_error);
    write_output(fmt::format("{:<20} {:.4f} {}\n", name, accuracy.value, error));
  };
  row("accuracy", result.accuracy);
  if (result.normalized_accuracy) row("normalized accuracy", *result.normalized_accuracy);
  if (result.perplexity)
    write_output(fmt::format("{:<20} {:.4f}\n", "perplexity", *result.perplexity));
  write_output(fmt::format("{:<20} {}\n", "items", result.n));
}

void run(const EvaluateArguments& options) {
  const Task task = parse_task(options.task);
  const Taps taps = quantizing_taps(options.taps);
  if (!taps.empty()) require_reference_for_taps(options.model, "--tap");
  const auto backend = load_backend(options.model, taps.empty() ? WithTaps::no : WithTaps::yes);
  TaskResult result;
  {
    ProgressBar bar(options.task, "items");
    TaskOptions settings = options.evaluation;
    settings.progress = bar.callback();
    settings.taps = &taps;
    result = evaluate_task(*backend, task, options.data, settings);
  }
  if (options.model.json) {
    print_json(task_json(result));
  } else {
    print_text(result);
  }
}

}  // namespace

void add_evaluate(CLI::App& app) {
  CLI::App* command = app.add_subcommand("evaluate", "Measure accuracy in a zero-shot task");
  auto options = std::make_shared<EvaluateArguments>();
  add_model_argument(*command, options->model);
  command->add_option("--task", options->task, "Task to evaluate: lambada, piqa, arc or openbookqa")
      ->required()
      ->type_name("TASK")
      ->check(CLI::IsMember({"lambada", "piqa", "arc", "openbookqa"}));
  command
      ->add_option("--data", options->data, "File with the data set, in the format of its authors")
      ->required()
      ->type_name("FILE");
  command
      ->add_option("--limit", options->evaluation.limit, "Use only the first N items; 0 means all")
      ->type_name("N")
      ->check(kCount)
      ->capture_default_str();
  add_tap_option(*command, options->taps);
  add_run_options(*command, options->model);
  add_backend_options(*command, options->model);
  command->callback([options] { run(*options); });
}

}  // namespace lightmamba::cli

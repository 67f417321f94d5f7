#include <memory>

#include <lightmamba/quantize.h>

#include "base/fail.h"
#include "base/file.h"
#include "base/progress.h"
#include "base/threads.h"
#include "cli/commands.h"
#include "cli/common.h"
#include "cli/quantize_options.h"

namespace lightmamba::cli {
namespace {

struct QuantizeArguments {
  ModelOptions model;
  std::string shape;
  std::filesystem::path out;
  QuantizeChoices choices;
};

nlohmann::ordered_json as_json(const QuantizeReport& report, const std::filesystem::path& out) {
  nlohmann::ordered_json errors = nlohmann::ordered_json::array();
  for (const TensorError& error : report.errors) {
    errors.push_back({{"tensor", error.tensor}, {"relative_error", error.relative_error}});
  }
  return {{"out", out.string()},
          {"quantization", quantization_json(report.quantization)},
          {"bytes", report.bytes},
          {"errors", errors}};
}

void print_text(const QuantizeReport& report, const std::filesystem::path& out) {
  write_output(fmt::format("{:<46} relative error\n", "tensor"));
  for (const TensorError& error : report.errors) {
    write_output(fmt::format("{:<46} {:.5f}\n", error.tensor, error.relative_error));
  }
  write_output(fmt::format("{}: {}, {}\n", out, quantization_text(report.quantization),
                           human_bytes(static_cast<double>(report.bytes))));
}

QuantizeReport quantize_model(const QuantizeArguments& options) {
  ProgressBar bar("quantize", "parts");
  if (!options.shape.empty()) {
    set_thread_count(options.model.threads);
    QuantizeOptions settings = quantize_options(options.choices);
    require_effect_on_shape(options.choices, settings);
    settings.source = options.shape;
    settings.progress = bar.callback();
    return quantize_shape_to_file(options.shape, settings, options.out);
  }
  refuse_to_overwrite(options.out, options.model);
  refuse_to_overwrite(options.out, options.choices.calibration);
  QuantizeOptions settings = quantize_options(options.choices);
  require_effect(options.choices, {&settings, 1});
  const Model model = load_model(options.model);
  require_float(model, options.model.model);
  add_calibration(options.choices, model, options.model.model, {&settings, 1});
  settings.progress = bar.callback();
  return quantize_to_file(model, settings, options.out);
}

void run(const QuantizeArguments& options) {
  const QuantizeReport report = quantize_model(options);
  if (options.model.json) {
    print_json(as_json(report, options.out));
  } else {
    print_text(report, options.out);
  }
}

}  // namespace

void add_quantize(CLI::App& app) {
  CLI::App* command = app.add_subcommand("quantize", "Quantize a model to 4 or 8 bits");
  auto options = std::make_shared<QuantizeArguments>();
  CLI::Option_group* source = command->add_option_group("Source");
  add_model_argument(*source, options->model)->required(false);
  source
      ->add_option("--shape", options->shape,
                   "Random weights of a published shape instead of a model: mamba2-130m, -370m, "
                   "-780m, -1.3b or -2.7b")
      ->type_name("NAME");
  source->require_option(1);
  command->add_option("-o,--out", options->out, "File to write")
      ->required()
      ->type_name("FILE")
      ->check(NotEmpty());
  add_quantize_choices(*command, options->choices);
  add_run_options(*command, options->model);
  command->callback([options] { run(*options); });
}

}  // namespace lightmamba::cli

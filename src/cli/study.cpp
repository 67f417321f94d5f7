#include <fmt/format.h>
#include <memory>
#include <optional>

#include "base/progress.h"
#include "base/threads.h"
#include "cli/commands.h"
#include "cli/common.h"
#include "eval/outlier_study.h"
#include "eval/slow_heads.h"
#include "eval/ssm_step_error.h"

namespace lightmamba::cli {
namespace {

struct StudyArguments {
  bool json = false;
  int threads = 0;
  std::filesystem::path data;
  OutlierStudyOptions outliers;
  SlowHeadOptions slow_heads;
  const CLI::App* command = nullptr;  // that the options were given to
};

std::string error_percent(double share) { return fmt::format("{:.3g} %", 100 * share); }

nlohmann::ordered_json as_json(const std::vector<OutlierStudyRow>& rows) {
  nlohmann::ordered_json json = nlohmann::ordered_json::array();
  const auto error = [](const OutlierStudyError& e) {
    return nlohmann::ordered_json{{"mean_square", e.mean_square}, {"relative", e.relative}};
  };
  for (const OutlierStudyRow& row : rows) {
    json.push_back({{"method", row.method},
                    {"per_token", error(row.per_token)},
                    {"per_group", error(row.per_group)}});
  }
  return json;
}

void print_outliers(const std::string& title, const std::vector<OutlierStudyRow>& rows) {
  write_output(fmt::format("4-bit error of {}\n", title));
  write_output(
      fmt::format("{:<12} {:>26} {:>26}\n", "", "one scale per token", "one per 128 channels"));
  write_output(fmt::format("{:<12} {:>13} {:>12} {:>13} {:>12}\n", "method", "mean square",
                           "relative", "mean square", "relative"));
  for (const OutlierStudyRow& row : rows) {
    write_output(fmt::format("{:<12} {:>13.4g} {:>12} {:>13.4g} {:>12}\n", row.method,
                             row.per_token.mean_square, error_percent(row.per_token.relative),
                             row.per_group.mean_square, error_percent(row.per_group.relative)));
  }
}

void run_outliers(const StudyArguments& options) {
  const auto tokens_text = [](std::int64_t tokens, std::int64_t channels) {
    return fmt::format("{} token{} of {} channels", tokens, tokens == 1 ? "" : "s", channels);
  };
  if (options.data.empty()) {
    const std::vector<OutlierStudyRow> rows = outlier_study(options.outliers);
    if (options.json) return print_json({{"methods", as_json(rows)}});
    return print_outliers(
        fmt::format("{}, {} outliers in each",
                    tokens_text(options.outliers.test_tokens, options.outliers.channels),
                    options.outliers.outliers),
        rows);
  }
  refuse_without_effect(*options.command,
                        {"--channels", "--test-tokens", "--calibration-tokens", "--outliers"},
                        "with --data");
  nlohmann::ordered_json json = nlohmann::ordered_json::array();
  for (const RealOutliers& real : real_outliers(options.data, options.outliers.seed)) {
    if (options.json) {
      json.push_back({{"values", real.values},
                      {"tokens", real.tokens},
                      {"channels", real.channels},
                      {"methods", as_json(real.rows)}});
    } else {
      print_outliers(fmt::format("{}, {}", real.values, tokens_text(real.tokens, real.channels)),
                     real.rows);
    }
  }
  if (options.json) print_json({{"values", json}});
}

nlohmann::ordered_json as_json(const ErrorOverTime& error) {
  return {{"at", error.at}, {"last", error.last}, {"largest", error.largest}};
}

// One row for each pair of formats, one column for each decay.
void print_slow_heads(std::string_view what, ErrorOverTime SlowHeadError::*quantity,
                      const std::vector<int>& exponents, const std::vector<SlowHeadError>& errors) {
  write_output(
      fmt::format("\nrelative error of {} over the last 1000 steps, by 1 - decay\n", what));
  write_output(fmt::format("{:<19} {:<11}", "state", "decay"));
  for (const int exponent : exponents) {
    write_output(fmt::format(" {:>8}", fmt::format("2^-{}", exponent)));
  }
  write_output("\n");
  const std::size_t formats = errors.size() / exponents.size();
  for (std::size_t i = 0; i < formats; ++i) {
    write_output(
        fmt::format("{:<19} {:<11}", errors[i].state_format.name, errors[i].decay_format.name));
    for (std::size_t head = 0; head < exponents.size(); ++head) {
      write_output(fmt::format(" {:>8.1e}", (errors[head * formats + i].*quantity).last));
    }
    write_output("\n");
  }
}

void run_slow_heads(const StudyArguments& options) {
  SlowHeadOptions settings = options.slow_heads;
  std::optional<SsmTensors> tensors;
  if (!options.data.empty()) settings.tensors = &tensors.emplace(read_ssm_tensors(options.data));
  std::vector<SlowHeadError> errors;
  {
    ProgressBar bar("slow heads", "steps");
    settings.progress = bar.callback();
    errors = slow_head_errors(settings);
  }
  if (options.json) {
    nlohmann::ordered_json json = nlohmann::ordered_json::array();
    for (const SlowHeadError& error : errors) {
      json.push_back({{"exponent", error.exponent},
                      {"state_format", error.state_format.name},
                      {"decay_format", error.decay_format.name},
                      {"state", as_json(error.state)},
                      {"y", as_json(error.y)}});
    }
    return print_json({{"checkpoints", kSlowHeadSteps},
                       {"steps", settings.steps},
                       {"steady_channels", settings.steady_channels},
                       {"heads", json}});
  }
  write_output(fmt::format("{} steps, {} rows of {}, inputs {}, channels {}\n", settings.steps,
                           settings.headdim, settings.d_state,
                           tensors ? options.data.filename().string() : "synthetic",
                           settings.steady_channels ? "steady" : "drawn anew at each step"));
  print_slow_heads("the state", &SlowHeadError::state, settings.exponents, errors);
  print_slow_heads("y", &SlowHeadError::y, settings.exponents, errors);
}

void run_ssm_step(const StudyArguments& options) {
  const std::vector<SsmStepError> errors = ssm_step_errors(read_ssm_tensors(options.data));
  if (options.json) {
    nlohmann::ordered_json json = nlohmann::ordered_json::array();
    for (const SsmStepError& error : errors) {
      json.push_back({{"step", error.step},
                      {"int8_inputs", error.int8_inputs},
                      {"state_format", error.state_format.name},
                      {"decay_format", error.decay_format.name},
                      {"state", error.state},
                      {"y", error.y}});
    }
    return print_json({{"errors", json}});
  }
  // Four blocks of all formats: each of two steps, with inputs in float32 and INT8.
  const std::size_t formats = errors.size() / 4;
  write_output("relative error of the state and of y after one step\n");
  write_output(fmt::format("{:<31}", ""));
  for (std::size_t i = 0; i < errors.size(); i += formats) {
    write_output(fmt::format("  {:^17}", fmt::format("{}, {}", errors[i].step,
                                                     errors[i].int8_inputs ? "int8" : "float32")));
  }
  write_output(fmt::format("\n{:<19} {:<11}", "state", "decay"));
  for (std::size_t i = 0; i < errors.size(); i += formats) {
    write_output(fmt::format("  {:>8} {:>8}", "state", "y"));
  }
  write_output("\n");
  for (std::size_t f = 0; f < formats; ++f) {
    write_output(
        fmt::format("{:<19} {:<11}", errors[f].state_format.name, errors[f].decay_format.name));
    for (std::size_t i = f; i < errors.size(); i += formats) {
      write_output(fmt::format("  {:>8.1e} {:>8.1e}", errors[i].state, errors[i].y));
    }
    write_output("\n");
  }
}

CLI::App* add(CLI::App& study, const std::string& name, const std::string& what,
              const std::shared_ptr<StudyArguments>& options, void (*run)(const StudyArguments&)) {
  CLI::App* command = study.add_subcommand(name, what);
  command->add_flag("--json", options->json, "Print one JSON object");
  command
      ->add_option("--threads", options->threads,
                   "Number of threads; 0 means one for each processor")
      ->type_name("N")
      ->check(CLI::Range(0, 1024))
      ->capture_default_str();
  command->callback([options, run, command] {
    options->command = command;
    set_thread_count(options->threads);
    run(*options);
  });
  return command;
}

CLI::Option* add_data_option(CLI::App& command, StudyArguments& options, const std::string& what) {
  return command.add_option("--data", options.data, what)->type_name("FILE")->check(NotEmpty());
}

CLI::Option* add_count(CLI::App& command, const std::string& name, std::int64_t& count,
                       const std::string& what) {
  return command.add_option(name, count, what)
      ->type_name("N")
      ->check(CLI::Range(std::int64_t{1}, std::int64_t{1} << 24))
      ->capture_default_str();
}

}  // namespace

void add_study(CLI::App& app) {
  CLI::App* study = app.add_subcommand("study", "Study the errors of number formats and methods");
  study->require_subcommand(1);
  const auto options = std::make_shared<StudyArguments>();

  CLI::App* outliers =
      add(*study, "outliers", "4-bit error where outliers change channels from token to token",
          options, run_outliers);
  add_data_option(*outliers, *options,
                  "safetensors file with tensors of a real layer to use instead of random values");
  add_count(*outliers, "--channels", options->outliers.channels, "Number of channels");
  add_count(*outliers, "--test-tokens", options->outliers.test_tokens,
            "Number of tokens to quantize");
  add_count(*outliers, "--calibration-tokens", options->outliers.calibration_tokens,
            "Number of tokens to calibrate with");
  add_count(*outliers, "--outliers", options->outliers.outliers,
            "Number of outliers in each token");
  outliers->add_option("--seed", options->outliers.seed, "Seed of the random values")
      ->check(IsSeed())
      ->capture_default_str();

  CLI::App* slow_heads = add(*study, "slow-heads", "Errors of state formats over long generation",
                             options, run_slow_heads);
  add_data_option(*slow_heads, *options,
                  "safetensors file with tensors of a real layer to draw the inputs from");
  slow_heads->add_flag("--steady-channels", options->slow_heads.steady_channels,
                       "Each channel keeps its statistics from token to token");
  add_count(*slow_heads, "--steps", options->slow_heads.steps, "Number of tokens");
  add_count(*slow_heads, "--rows", options->slow_heads.headdim,
            "Number of rows of the state of a head");
  slow_heads->add_option("--seed", options->slow_heads.seed, "Seed of the random inputs")
      ->check(IsSeed())
      ->capture_default_str();

  CLI::App* ssm_step =
      add(*study, "ssm-step", "Errors of state formats in one step of a real layer", options,
          run_ssm_step);
  add_data_option(*ssm_step, *options, "safetensors file with the tensors of the layer")
      ->required();
}

}  // namespace lightmamba::cli

#include "cli/backend.h"

#include <algorithm>
#include <fmt/format.h>
#include <fmt/ranges.h>
#include <string>
#include <string_view>

#include "accel/image/lower_to_integers.h"
#include "accel/runtime/rtlsim.h"
#include "base/fail.h"
#include "cli/accel_options.h"
#include "engine/plan.h"
#include "io/file_kind.h"
#include "kernels/isa.h"

namespace lightmamba::cli {
namespace {

void add_isa_option(CLI::App& command, ModelOptions& options) {
  command
      .add_option("--isa", options.isa,
                  "Instruction set of the engine: scalar, avx2 or avx512; by default the best one "
                  "that the processor supports")
      ->type_name("NAME")
      ->check(CLI::IsMember({"scalar", "avx2", "avx512"}));
}

void add_pin_option(CLI::App& command, ModelOptions& options) {
  command.add_flag("--pin", options.pin, "Keep each thread of the engine on its own processor");
}

}  // namespace

void add_backend_options(CLI::App& command, ModelOptions& options) {
  add_backend_choice(command, options);
  add_pin_option(command, options);
}

void add_backend_choice(CLI::App& command, ModelOptions& options) {
  std::vector<std::string> names = {"auto"};
  names.insert(names.end(), kBackendNames.begin(), kBackendNames.end());
  command
      .add_option("--backend", options.backend,
                  "Back end to run on: engine (fast), reference (float32), golden (the "
                  "accelerator's integers), rtlsim (its hardware in simulation), or auto (the "
                  "engine if it can run the model, else the reference)")
      ->type_name("NAME")
      ->check(CLI::IsMember(names))
      ->capture_default_str();
  command
      .add_option(
          "--preset", options.preset,
          fmt::format("Size of the simulated core: {}; by default that of the image, or vck190",
                      fmt::join(accel::hardware_preset_names(), ", ")))
      ->type_name("NAME");
  add_isa_option(command, options);
}

void apply_backend_options(const ModelOptions& options) {
  if (!options.isa.empty()) set_isa(parse_isa(options.isa));
  if (!options.preset.empty()) accel::hardware_preset(options.preset);
  if (options.backend != "auto") require_effect(options, {options.backend});
}

std::string choose_backend(const Weights& weights, const ModelOptions& options) {
  const auto of_engine = unsupported_reason(weights);
  if (options.backend == "auto") return of_engine ? "reference" : "engine";
  if (options.backend == "engine" && of_engine) {
    fail("the engine cannot run this model: {}", *of_engine);
  }
  if (options.backend == "golden" || options.backend == "rtlsim") {
    if (const auto reason = accel::unsupported_reason(weights)) {
      fail("the accelerator cannot run this model: {}", *reason);
    }
  }
  return options.backend;
}

void require_effect(const ModelOptions& options, const std::vector<std::string>& backends) {
  const std::string why = fmt::format("on --backend {}", fmt::join(backends, " or "));
  const auto has = [&](const char* name) {
    return std::find(backends.begin(), backends.end(), name) != backends.end();
  };
  if (!has("rtlsim")) refuse_without_effect(*options.command, {"--preset"}, why);
  if (!has("engine")) refuse_without_effect(*options.command, {"--isa", "--pin"}, why);
}

std::shared_ptr<const Backend> open_only_backend(const Model& model, const ModelOptions& options) {
  require_effect(options, {choose_backend(model.weights(), options)});
  return open_backend(model, options);
}

std::shared_ptr<const Backend> open_backend(const Model& model, const ModelOptions& options) {
  const std::string name = choose_backend(model.weights(), options);
  if (name == "engine") {
    return engine_backend(model, {.threads = options.threads, .pin_threads = options.pin});
  }
  if (name == "reference") return reference_backend(model);
  AccelModel accel_model = lowered(model);
  return open_accelerator({.model = options, .preset = options.preset}, accel_model, name);
}

std::shared_ptr<const Backend> load_backend(const ModelOptions& options, WithTaps taps) {
  const bool is_image = file_kind(options.model) == FileKind::accelerator_image;
  ModelOptions chosen = options;
  if (taps == WithTaps::yes && options.backend == "auto" && !is_image) chosen.backend = "reference";
  apply_backend_options(chosen);
  if (is_image) {
    if (options.backend != "auto" && options.backend != "rtlsim") {
      fail("{}: an image of the accelerator runs on --backend rtlsim only", options.model);
    }
    require_effect(options, {"rtlsim"});
    const AccelOptions accel = {.model = options, .preset = options.preset};
    AccelModel image = load_accel_image(accel);
    return with_context(options.model.string(),
                        [&] { return open_accelerator(accel, image, "rtlsim"); });
  }
  const Model model = load_model(options);
  return with_context(options.model.string(), [&] { return open_only_backend(model, chosen); });
}

}  // namespace lightmamba::cli

#include "cli/backend.h"

#include <string>
#include <string_view>

#include "accel/image/lower_to_integers.h"
#include "accel/runtime/rtlsim.h"
#include "base/fail.h"
#include "cli/accel_options.h"
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

void require_effect_of_preset(const ModelOptions& options, std::string_view backend) {
  if (backend != "rtlsim" && !options.preset.empty()) {
    fail("--preset has no effect on --backend {}", backend);
  }
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
          "Size of the simulated core: tiny, vck190 or u280; by default that of the image, or "
          "vck190")
      ->type_name("NAME");
  add_isa_option(command, options);
}

EngineOptions engine_options(const ModelOptions& options) {
  if (!options.isa.empty()) set_isa(parse_isa(options.isa));
  return {.threads = options.threads, .pin_threads = options.pin};
}

void check_backend_options(const ModelOptions& options) {
  engine_options(options);
  if (options.preset.empty()) return;
  accel::hardware_preset(options.preset);
  if (options.backend != "auto") require_effect_of_preset(options, options.backend);
}

std::shared_ptr<const Backend> open_backend(const Model& model, const ModelOptions& options) {
  std::string name = options.backend;
  if (name == "auto") name = engine_supports(model) ? "engine" : "reference";
  require_effect_of_preset(options, name);
  if (name == "engine") return engine_backend(model, engine_options(options));
  if (name == "golden") return golden_backend(model);
  if (name == "reference") return reference_backend(model);
  AccelModel packed{
      model, std::make_shared<const accel::IntegerModel>(accel::lower_to_integers(model.weights())),
      std::nullopt};
  return open_accelerator({.model = options, .preset = options.preset}, packed, name);
}

std::shared_ptr<const Backend> load_backend(const ModelOptions& options, WithTaps taps) {
  check_backend_options(options);
  ModelOptions chosen = options;
  if (file_kind(options.model) == FileKind::accelerator_image) {
    if (options.backend != "auto" && options.backend != "rtlsim") {
      fail("{}: an image of the accelerator runs on --backend rtlsim only", options.model);
    }
    const AccelOptions accel = {.model = options, .preset = options.preset};
    AccelModel model = load_accel_model(accel);
    return open_accelerator(accel, model, "rtlsim");
  }
  if (taps == WithTaps::yes && options.backend == "auto") chosen.backend = "reference";
  const Model model = load_model(options);
  return with_context(options.model.string(), [&] { return open_backend(model, chosen); });
}

}  // namespace lightmamba::cli

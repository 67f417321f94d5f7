#include "cli/accel_options.h"

#include <algorithm>
#include <fmt/format.h>
#include <fmt/ranges.h>
#include <system_error>
#include <utility>

#include "accel/image/image_file.h"
#include "accel/image/lower_to_integers.h"
#include "accel/runtime/rtlsim.h"
#include "base/fail.h"
#include "base/utf8.h"
#include "io/file_kind.h"
#include "io/stored_tokenizer.h"
#include "model/weights.h"

namespace lightmamba::cli {
namespace {

// Returns 0 for no tokens.
double share(std::int64_t part, std::int64_t all) {
  return all > 0 ? static_cast<double>(part) / static_cast<double>(all) : 0.0;
}

void append_lines(std::string& out, const std::string& prefix,
                  const nlohmann::ordered_json& object) {
  for (const auto& [name, value] : object.items()) {
    if (value.is_object()) {
      append_lines(out, prefix + name + ".", value);
    } else {
      fmt::format_to(std::back_inserter(out), "{:<32} {}\n", prefix + name,
                     value.is_number_float() ? fmt::format("{:.8g}", value.get<double>())
                     : value.is_string()     ? value.get<std::string>()
                                             : value.dump());
    }
  }
}

// An image is laid out for one core and one order.
void require_image_for(const AccelOptions& options, const accel::Image& image) {
  const std::filesystem::path& path = options.model.model;
  if (!options.preset.empty() && options.preset != image.hardware.name) {
    fail("{}: the image is for {}, not {}", path, image.hardware.name, options.preset);
  }
  if (!options.order.empty() && accel::parse_row_order(options.order) != image.order) {
    fail("{}: the image's rows are not in {} order", path, options.order);
  }
}

// The golden model runs these; an image does not hold them.
const std::shared_ptr<const accel::IntegerModel>& integers_of(const AccelModel& model) {
  if (!model.integer_model) fail("the golden model runs a quantized file, but this is an image");
  return model.integer_model;
}

}  // namespace

void add_accel_options(CLI::App& command, AccelOptions& options) {
  command
      .add_option("model", options.model.model,
                  "Quantized file, or a memory image that `accel pack` made from one")
      ->required()
      ->type_name("FILE");
  command
      .add_option("--preset", options.preset,
                  fmt::format("Size of the core: {}; by default that of the image, or vck190",
                              fmt::join(accel::hardware_preset_names(), ", ")))
      ->type_name("NAME");
  command
      .add_option(
          "--order", options.order,
          "Order of the rows of in_proj: hardware (as the core uses them) or checkpoint; by "
          "default that of the image, or of the preset")
      ->check(CLI::IsMember({"hardware", "checkpoint"}));
  CLI::Option* clock = command
                           .add_option("--clock", options.clock,
                                       "Clock of the core, used to compute tokens per second")
                           ->type_name("MHz")
                           ->check(CLI::PositiveNumber);
  command
      .add_option("--bandwidth", options.bandwidth,
                  "Bandwidth of the memory, all ports together; by default only the ports limit it")
      ->type_name("GB/s")
      ->check(CLI::PositiveNumber)
      ->needs(clock);
  command.add_option("--latency", options.latency, "Latency of the memory, in cycles")
      ->type_name("N")
      ->check(CLI::Range(1, 100'000))
      ->capture_default_str();
  command
      .add_option("--stalls", options.stalls,
                  "Percentage of cycles in which a memory port waits, chosen at random")
      ->type_name("N")
      ->check(CLI::Range(0, 95))
      ->capture_default_str();
  command.add_option("--seed", options.seed, "Seed of the random stalls")
      ->type_name("N")
      ->check(IsSeed())
      ->capture_default_str();
  add_run_options(command, options.model);
}

double bytes_per_cycle(const AccelOptions& options) {
  if (options.bandwidth == 0) return 0;
  return options.bandwidth * 1e9 / (options.clock * 1e6);
}

void add_prompt_options(CLI::App& command, PromptOptions& options) {
  CLI::Option_group* group = command.add_option_group("Prompt");
  options.text_option =
      group->add_option("--prompt", options.text, "Text of the prompt")->type_name("TEXT");
  group->add_option("--tokens", options.tokens, "Token ids of the prompt, separated by commas")
      ->type_name("IDS");
  group->require_option(1);
}

AccelModel lowered(Model model) {
  auto integers =
      std::make_shared<const accel::IntegerModel>(accel::lower_to_integers(model.weights()));
  return {std::move(model), std::move(integers), std::nullopt};
}

AccelModel load_accel_model(const AccelOptions& options) {
  if (options.stalls == 0) {
    refuse_without_effect(*options.model.command, {"--seed"}, "without --stalls");
  }
  const std::filesystem::path& path = options.model.model;
  if (file_kind(path) == FileKind::accelerator_image) return load_accel_image(options);
  Model model = load_model(options.model);
  return with_context(path.string(), [&] { return lowered(std::move(model)); });
}

AccelModel load_accel_image(const AccelOptions& options) {
  const std::filesystem::path& path = options.model.model;
  accel::ImageFile file = accel::read_image_file(path);
  require_image_for(options, file.image);
  StoredTokenizer tokenizer;
  if (!options.model.tokenizer.empty()) {
    tokenizer.tokenizer = Tokenizer::load(options.model.tokenizer);
  } else if (file.tokenizer) {
    tokenizer = parse_stored_tokenizer(*file.tokenizer, fmt::format("{}: tokenizer.json", path));
  } else {
    tokenizer.error = "the model has no tokenizer";
  }
  Weights none;
  none.config = file.image.config;
  none.fingerprint = file.fingerprint;
  return {Model(std::make_shared<const Weights>(std::move(none)),
                std::make_shared<const StoredTokenizer>(std::move(tokenizer)), path),
          nullptr, std::move(file.image)};
}

std::vector<TokenId> prompt_ids(const PromptOptions& options, const AccelModel& model) {
  if (options.text_option->count() == 0) {
    std::vector<TokenId> ids = parse_ids(options.tokens, "--tokens");
    if (ids.empty()) fail("--tokens: no token ids");
    return ids;
  }
  if (const std::string error = error_of([&] { model.model.tokenizer(); }); !error.empty()) {
    fail("--prompt: {}; give --tokenizer or --tokens", error);
  }
  require_utf8(options.text, "--prompt");
  std::vector<TokenId> ids =
      model.model.tokenizer().encode(options.text, {.add_special_tokens = true});
  if (ids.empty()) fail("--prompt: the prompt has no tokens");
  return ids;
}

std::unique_ptr<accel::Accelerator> make_golden(const AccelModel& model) {
  return accel::make_golden_accelerator(integers_of(model));
}

std::unique_ptr<accel::Accelerator> make_simulation(const AccelOptions& options,
                                                    AccelModel& model) {
  if (!model.image) {
    const accel::Hardware& hardware =
        accel::hardware_preset(options.preset.empty() ? "vck190" : options.preset);
    model.image = accel::make_image(
        *model.integer_model, hardware,
        options.order.empty() ? hardware.row_order : accel::parse_row_order(options.order));
  }
  return accel::make_rtlsim(*model.image, {.bytes_per_cycle = bytes_per_cycle(options),
                                           .latency = options.latency,
                                           .stall_percent = options.stalls,
                                           .seed = options.seed});
}

std::shared_ptr<const accel::AcceleratorBackend> open_accelerator(const AccelOptions& options,
                                                                  AccelModel& model,
                                                                  std::string_view name) {
  if (name == "golden") return accel::golden_backend(model.model, integers_of(model));
  const int state_bits =
      model.integer_model ? model.integer_model->state_bits : model.image->state_bits;
  return std::make_shared<const accel::AcceleratorBackend>("rtlsim", model.model, state_bits,
                                                           make_simulation(options, model));
}

nlohmann::ordered_json speed(const AccelOptions& options, const accel::Usage& usage) {
  const double cycles = share(usage.counters.cycles, usage.tokens);
  nlohmann::ordered_json json = {{"tokens", usage.tokens}, {"cycles_per_token", cycles}};
  if (options.clock > 0 && cycles > 0) {
    json["clock_mhz"] = options.clock;
    json["tokens_per_second"] = options.clock * 1e6 / cycles;
  }
  return json;
}

nlohmann::ordered_json performance(const AccelOptions& options, const accel::Usage& usage) {
  nlohmann::ordered_json json = speed(options, usage);
  // Shares of all cycles.
  for (const accel::CounterName& each : accel::kCounters) {
    if (each.counter == &accel::Counters::cycles) continue;
    json["shares"][std::string(each.name)] =
        share(usage.counters.*each.counter, usage.counters.cycles);
  }
  const accel::Traffic& traffic = usage.traffic;
  json["bytes_per_token"] = {{"weights", share(traffic.weights, usage.tokens)},
                             {"ssm_state", share(traffic.ssm_state, usage.tokens)},
                             {"parameters", share(traffic.parameters, usage.tokens)},
                             {"conv_state", share(traffic.conv_state, usage.tokens)},
                             {"all", share(traffic.total(), usage.tokens)}};
  if (const double width = bytes_per_cycle(options); width > 0) {
    // The cycles that the bytes alone take.
    const double min = share(traffic.total(), usage.tokens) / width;
    json["bandwidth_gb_per_second"] = options.bandwidth;
    json["floor_cycles_per_token"] = min;
    json["share_of_floor"] =
        min * static_cast<double>(usage.tokens) / static_cast<double>(usage.counters.cycles);
  }
  return json;
}

std::string lines_of(const nlohmann::ordered_json& report) {
  std::string text;
  append_lines(text, "", report);
  return text;
}

}  // namespace lightmamba::cli

#include "cli/quantize_options.h"

#include <algorithm>
#include <charconv>

#include "base/fail.h"
#include "base/file.h"
#include "base/utf8.h"
#include "cli/common.h"

namespace lightmamba::cli {
namespace {

constexpr const char* kSearch = "search";

float parse_alpha(const std::string& text) {
  float value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size() || !(value >= 0 && value <= 1)) {
    fail("--alpha: '{}' is neither 'search' nor a number from 0 to 1", printable(text));
  }
  return value;
}

bool needs_calibration(const QuantizeOptions& options) {
  return options.method == Method::smoothquant || options.method == Method::os_plus || options.gptq;
}

bool can_use_calibration(const QuantizeOptions& options) {
  return needs_calibration(options) || (options.clip && options.scheme.activation_bits < 16);
}

void refuse_other_alpha(const QuantizeChoices& choices, std::span<const QuantizeOptions> all) {
  if (std::ranges::find(all, Method::smoothquant, &QuantizeOptions::method) == all.end()) {
    refuse_without_effect(*choices.command, {"--alpha"}, "because only smoothquant uses it");
  }
}

// The text beside the model, or nothing where it cannot be used and is not needed.
std::filesystem::path default_calibration(const QuantizeChoices& choices, const Model& model,
                                          const std::filesystem::path& path,
                                          std::span<const QuantizeOptions> all) {
  std::filesystem::path text = path / "calibration.txt";
  const auto needs = std::find_if(all.begin(), all.end(), needs_calibration);
  std::error_code ignored;
  if (!std::filesystem::exists(text, ignored)) {
    if (needs != all.end()) {
      fail("{} needs text to calibrate with: --calibration FILE",
           needs->gptq ? "--gptq" : fmt::format("method {}", method_name(needs->method)));
    }
    refuse_without_effect(*choices.command, {"--calibration-tokens"},
                          "because there is no text to calibrate with: --calibration FILE");
    return {};
  }
  if (needs != all.end() || choices.calibration_tokens) return text;
  const std::string error = error_of([&] { model.tokenizer(); });
  if (error.empty()) return text;
  print_notes({fmt::format("the ranges of activations are not calibrated: {}", error)});
  return {};
}

}  // namespace

void add_quantize_choices(CLI::App& command, QuantizeChoices& choices) {
  command
      .add_option("--method", choices.method,
                  "Quantization method: lightmamba (rotation), rtn, smoothquant or os+")
      ->type_name("NAME")
      ->check(CLI::IsMember({"lightmamba", "rtn", "smoothquant", "os+"}))
      ->capture_default_str();
  command
      .add_option("--scheme", choices.scheme,
                  "Bits of weights and activations of the linear layers: w4a4, w4a8, w4a16, w8a8 "
                  "and so on; a16 leaves activations in float")
      ->type_name("NAME")
      ->check(CLI::IsMember({"w4a4", "w4a8", "w4a16", "w8a4", "w8a8", "w8a16"}))
      ->capture_default_str();
  add_quantize_details(command, choices);
}

void add_quantize_details(CLI::App& command, QuantizeChoices& choices) {
  choices.command = &command;
  command
      .add_option("--ssm", choices.ssm,
                  "Format of the SSM and its convolution: float, or pot8 (INT8 with power-of-two "
                  "scales)")
      ->type_name("FORMAT")
      ->check(CLI::IsMember({"float", "pot8"}))
      ->capture_default_str();
  command
      .add_option(
          "--state", choices.state,
          "Format of the state between tokens: float, int16, int8ef (with a 4-bit remainder "
          "that is fed back) or int8; by default int16 with --ssm pot8, else float")
      ->type_name("FORMAT")
      ->check(CLI::IsMember({"float", "int16", "int8ef", "int8"}));
  command
      .add_option("--clip", choices.clip,
                  "Clipping of ranges: none (largest magnitude) or mse (least mean squared error)")
      ->type_name("RULE")
      ->check(CLI::IsMember({"none", "mse"}))
      ->capture_default_str();
  command.add_flag("--gptq", choices.gptq,
                   "Use GPTQ: later weights compensate for the rounding of earlier ones");
  command.add_option("--head-bits", choices.head_bits, "Bits of embedding and LM head: 8 or 4")
      ->type_name("N")
      ->check(CLI::IsMember({8, 4}))
      ->capture_default_str();
  command
      .add_option("--group", choices.group,
                  "Number of columns that share a scale; must be a multiple of 8")
      ->type_name("N")
      ->check(kPositiveCount)
      ->capture_default_str();
  command.add_option("--seed", choices.seed, "Seed of the random signs of the rotation")
      ->type_name("N")
      ->check(IsSeed())
      ->capture_default_str();
  command
      .add_option("--alpha", choices.alpha,
                  "Alpha of SmoothQuant, 0 to 1; 'search' finds one for each layer")
      ->type_name("X")
      ->capture_default_str();
  command
      .add_option("--calibration", choices.calibration,
                  "File with the calibration text for the method, GPTQ or clipping; by default "
                  "calibration.txt in the directory of the model")
      ->type_name("FILE")
      ->check(NotEmpty());
  command
      .add_option("--calibration-tokens", choices.calibration_tokens,
                  "Number of tokens to take from that text, spread over all of it; 0 means all; by "
                  "default 81920, or 4096 if only clipping needs it")
      ->type_name("N")
      ->check(kCount);
}

QuantizeOptions quantize_options(const QuantizeChoices& choices) {
  QuantizeOptions options;
  options.method = parse_method(choices.method);
  options.scheme = parse_scheme(choices.scheme);
  options.head_bits = choices.head_bits;
  options.group = choices.group;
  options.ssm = parse_ssm_format(choices.ssm);
  if (!choices.state.empty()) options.state = parse_state_format(choices.state);
  options.clip = choices.clip == "mse";
  options.gptq = choices.gptq;
  options.seed = choices.seed;
  if (choices.alpha != kSearch) options.alpha = parse_alpha(choices.alpha);
  options.calibration_tokens = choices.calibration_tokens;
  return options;
}

void require_effect(const QuantizeChoices& choices, std::span<const QuantizeOptions> all) {
  if (std::ranges::none_of(all, can_use_calibration)) {
    refuse_without_effect(*choices.command, {"--calibration", "--calibration-tokens"},
                          "because neither the method, GPTQ nor clipping uses text here");
  }
  refuse_other_alpha(choices, all);
  if (std::ranges::find(all, Method::lightmamba, &QuantizeOptions::method) == all.end()) {
    refuse_without_effect(*choices.command, {"--seed"}, "because only lightmamba uses it");
  }
}

void require_effect_on_shape(const QuantizeChoices& choices, const QuantizeOptions& options) {
  refuse_without_effect(*choices.command, {"--tokenizer", "--calibration", "--calibration-tokens"},
                        "with --shape");
  refuse_other_alpha(choices, {&options, 1});
}

void require_float(const Model& model, const std::filesystem::path& path) {
  if (!model.quantization()) return;
  fail("{}: the model is already quantized; a float model is needed", path);
}

void add_calibration(const QuantizeChoices& choices, const Model& model,
                     const std::filesystem::path& path, std::span<QuantizeOptions> all) {
  for (QuantizeOptions& options : all) options.source = model_name(path);
  if (std::none_of(all.begin(), all.end(), can_use_calibration)) return;
  std::filesystem::path text = choices.calibration;
  if (text.empty()) text = default_calibration(choices, model, path, all);
  if (text.empty()) return;
  const std::string words = read_input(text);
  const std::vector<TokenId> tokens =
      with_context(text.string(), [&] { return model.tokenizer().encode(words); });
  for (QuantizeOptions& options : all) {
    if (can_use_calibration(options)) options.calibration = tokens;
  }
}

std::string model_name(const std::filesystem::path& model) {
  return std::filesystem::weakly_canonical(model).filename().string();
}

std::string quantization_text(const Quantization& q) {
  return fmt::format("{} {}, group {}, head {} bits, ssm {}, state {}{}{}", method_name(q.method),
                     scheme_name(q.scheme), q.group, q.head_bits, ssm_format_name(q.ssm),
                     state_format_name(q.state), q.clip ? ", clipped" : "", q.gptq ? ", GPTQ" : "");
}

nlohmann::ordered_json quantization_json(const Quantization& q) {
  return {{"method", method_name(q.method)},
          {"scheme", scheme_name(q.scheme)},
          {"head_bits", q.head_bits},
          {"group", q.group},
          {"ssm", ssm_format_name(q.ssm)},
          {"state", state_format_name(q.state)},
          {"clip", q.clip ? "mse" : "none"},
          {"gptq", q.gptq},
          {"seed", q.seed},
          {"source", q.source}};
}

}  // namespace lightmamba::cli

// How to quantize, as the commands that do it ask for it.
#pragma once

#include <CLI/CLI.hpp>
#include <filesystem>
#include <nlohmann/json.hpp>
#include <optional>
#include <span>
#include <string>

#include <lightmamba/quantize.h>

namespace lightmamba::cli {

struct QuantizeChoices {
  std::string method = "lightmamba";
  std::string scheme = "w4a4";
  std::string ssm = "float";
  std::string state;  // empty: what fits the SSM's format
  std::string clip = "mse";
  bool gptq = false;
  int head_bits = 8;
  std::int64_t group = 128;
  std::uint64_t seed = 0;
  std::string alpha = "search";
  std::filesystem::path calibration;  // empty: calibration.txt beside the model
  std::optional<std::int64_t> calibration_tokens = {};
  const CLI::App* command = nullptr;  // that the options were given to
};

// Adds all options, or all but those of the method and the scheme.
void add_quantize_choices(CLI::App& command, QuantizeChoices& choices);
void add_quantize_details(CLI::App& command, QuantizeChoices& choices);

// Returns the options without calibration text.
QuantizeOptions quantize_options(const QuantizeChoices& choices);
// Throws Error for a choice that has no effect on any of these options.
void require_effect(const QuantizeChoices& choices, std::span<const QuantizeOptions> all);
// Throws Error for a choice that has no effect on random weights of a shape.
void require_effect_on_shape(const QuantizeChoices& choices, const QuantizeOptions& options);

// Throws Error if the model is quantized.
void require_float(const Model& model, const std::filesystem::path& path);
// Adds to all options the name of the model and, if they use it, the calibration text: the one that
// was asked for, or that beside the model. Where nothing needs the latter and the model's tokenizer
// cannot be used, it prints a note and leaves the text out.
void add_calibration(const QuantizeChoices& choices, const Model& model,
                     const std::filesystem::path& path, std::span<QuantizeOptions> all);
std::string model_name(const std::filesystem::path& model);  // as quantized files keep it

std::string quantization_text(const Quantization& quantization);  // in a line
nlohmann::ordered_json quantization_json(const Quantization& quantization);

}  // namespace lightmamba::cli

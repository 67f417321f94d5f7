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
};

// Adds all options, or all but those of the method and the scheme.
void add_quantize_choices(CLI::App& command, QuantizeChoices& choices);
void add_quantize_details(CLI::App& command, QuantizeChoices& choices);

// Returns the options without calibration text.
QuantizeOptions quantize_options(const QuantizeChoices& choices);
// Adds to all options the name of the model and, if they use it, the calibration text: the one that
// was asked for, or that beside the model.
void add_calibration(const QuantizeChoices& choices, const Model& model,
                     const std::filesystem::path& path, std::span<QuantizeOptions> all);
std::string model_name(const std::filesystem::path& model);  // as quantized files keep it

std::string quantization_text(const Quantization& quantization);  // in a line
nlohmann::ordered_json quantization_json(const Quantization& quantization);

}  // namespace lightmamba::cli

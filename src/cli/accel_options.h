// What the commands that run the accelerator share.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "accel/program/image.h"
#include "accel/runtime/accelerator.h"
#include "cli/common.h"

namespace lightmamba::cli {

struct AccelOptions {
  ModelOptions model;
  std::string preset = "vck190";
  std::string order = "hardware";
  double bandwidth = 0;  // GB/s; 0 is no limit
  double clock = 0;      // MHz; 0 is not given
  int latency = 64;
  int stalls = 0;
  std::uint64_t seed = 1;
};

// File, tokenizer, threads, JSON, and what only a simulation needs.
void add_accel_options(CLI::App& command, AccelOptions& options);

// Exactly one of --prompt and --tokens.
struct PromptOptions {
  std::string text;
  std::string tokens;
  const CLI::Option* text_option = nullptr;
};
void add_prompt_options(CLI::App& command, PromptOptions& options);

// What the file holds: a quantized model, or its image.
struct AccelModel {
  std::shared_ptr<const accel::Network> network;  // none: it is an image
  std::optional<accel::Image> image;              // none before it is needed
  std::optional<Tokenizer> tokenizer;

  const Mamba2Config& config() const { return network ? network->config : image->config; }
};
AccelModel load_accel_model(const AccelOptions& options);

// Throws Error where there is no token, or no tokenizer for a text.
std::vector<TokenId> prompt_ids(const PromptOptions& options, const AccelModel& model);

std::unique_ptr<accel::Accelerator> make_golden(const AccelOptions& options,
                                                const AccelModel& model);
// Packs the model where it is not an image. Throws Error where the program was built without it.
std::unique_ptr<accel::Accelerator> make_simulation(const AccelOptions& options, AccelModel& model);

// Of so many tokens that took `counters` and `traffic` together.
nlohmann::ordered_json performance(const AccelOptions& options, std::int64_t tokens,
                                   const accel::Counters& counters, const accel::Traffic& traffic);
// The same for people, a line for each number.
std::string performance_text(const nlohmann::ordered_json& performance);

}  // namespace lightmamba::cli

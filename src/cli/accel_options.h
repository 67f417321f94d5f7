// Options and functions that the commands running the accelerator share.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "accel/accelerator_backend.h"
#include "accel/image/image.h"
#include "cli/common.h"

namespace lightmamba::cli {

struct AccelOptions {
  ModelOptions model;
  std::string preset = {};  // empty: that of the image, or vck190
  std::string order = {};   // empty: that of the image, or of the preset
  double bandwidth = 0;     // GB/s; 0 is no limit
  double clock = 0;         // MHz; 0 is not given
  int latency = 64;
  int stalls = 0;
  std::uint64_t seed = 1;
};

// Adds the options for the file, tokenizer, threads, JSON and the simulation.
void add_accel_options(CLI::App& command, AccelOptions& options);

// The bandwidth of the memory; 0 if only the ports limit it.
double bytes_per_cycle(const AccelOptions& options);

// Exactly one of --prompt and --tokens must be given.
struct PromptOptions {
  std::string text;
  std::string tokens;
  const CLI::Option* text_option = nullptr;
};
void add_prompt_options(CLI::App& command, PromptOptions& options);

// A quantized model, or the image that was made from one.
struct AccelModel {
  Model model;  // without weights if it came from an image
  std::shared_ptr<const accel::IntegerModel> integer_model;  // null for an image
  std::optional<accel::Image> image;                         // made when it is first needed
};
// Reads either kind of file.
AccelModel load_accel_model(const AccelOptions& options);
AccelModel load_accel_image(const AccelOptions& options);
// Turns a model into integers. Throws Error if the accelerator cannot run it.
AccelModel lowered(Model model);

// Throws Error where there is no token, or no tokenizer for a text.
std::vector<TokenId> prompt_ids(const PromptOptions& options, const AccelModel& model);

// These throw Error without the name of the file.
std::unique_ptr<accel::Accelerator> make_golden(const AccelModel& model);
// Packs the model unless it is an image. Throws Error if the program was built without simulation.
std::unique_ptr<accel::Accelerator> make_simulation(const AccelOptions& options, AccelModel& model);
// Wraps either as a back end; the name is golden or rtlsim.
std::shared_ptr<const accel::AcceleratorBackend> open_accelerator(const AccelOptions& options,
                                                                  AccelModel& model,
                                                                  std::string_view name);

// Reports the cycles of a token and, if the clock is known, tokens per second.
nlohmann::ordered_json speed(const AccelOptions& options, const accel::Usage& usage);
// Reports the same and how the units and the memory spend that time.
nlohmann::ordered_json performance(const AccelOptions& options, const accel::Usage& usage);
// Formats a report for people, one line for each number.
std::string lines_of(const nlohmann::ordered_json& report);

}  // namespace lightmamba::cli

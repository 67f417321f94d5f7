// Quantization methods side by side: what each costs in perplexity, accuracy and distance from the
// float model, and what it does to the values before rounding.
#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <lightmamba/evaluate.h>
#include <lightmamba/quantize.h>

namespace lightmamba {

// "METHOD[*][+clip][+gptq]", for example "lightmamba*+clip": the options with that method; "*" is
// the SSM in pot8, as in the paper's LightMamba*. What is not named stays as it is. Throws Error
// that lists the names.
QuantizeOptions with_variant(QuantizeOptions options, std::string_view name);
// Its inverse, from all that the options ask for.
std::string variant_name(const QuantizeOptions& options);

struct TaskFile {
  Task task = Task::lambada;
  std::filesystem::path data;
};

struct CompareOptions {
  std::vector<QuantizeOptions> runs = {};  // their progress is not called
  PerplexityOptions perplexity = {};       // without taps; its progress is not called
  std::vector<TaskFile> tasks = {};
  std::int64_t limit = 0;  // items of each task; 0: all
  bool taps = true;        // also find the errors at the taps
  // Chooses the back end of a quantized model; by default each runs on the reference.
  std::function<std::shared_ptr<const Backend>(const Model&)> place = reference_backend;
  // Quantized models are made until they take so many bytes, and then go through the text together.
  // Each such batch runs the float model once.
  std::int64_t batch_bytes = std::int64_t{2} << 30;
  // Called with what is being worked on and its parts done so far.
  std::function<void(std::string_view step, std::int64_t done, std::int64_t total)> progress = {};
};

struct CompareRow {
  std::optional<Quantization> quantization = {};  // none: the float model
  std::string variant = {};                       // "float", or as variant_name() gives it
  Divergence text = {};                           // from the float model
  std::vector<TaskResult> tasks = {};             // in the order of the options
  std::int64_t bytes = 0;                         // of the weights as stored
  std::string backend = "reference";              // that the text and the tasks ran on
};

struct MethodTaps {
  std::optional<Method> method;  // none: the float model at all taps but `state`
  // Otherwise at the inputs of the linear layers in the blocks.
  std::vector<TapError> errors;  // at 4 bits in groups of 128
};

struct Comparison {
  std::vector<CompareRow> rows;  // the float model, then the runs
  // The float model, then it as each method of the runs changes it for w4a4, before any rounding.
  // Over the first window of the text.
  std::vector<MethodTaps> taps;
};

// The rows are what perplexity(), compare_models() and evaluate_task() give, whatever the batches.
// Throws Error as these and quantize() do.
Comparison compare_methods(const Model& model, std::span<const TokenId> tokens,
                           const CompareOptions& options);

}  // namespace lightmamba

// Compares quantization methods: the cost of each in perplexity, accuracy and distance from the
// float model, and its effect on the values before rounding.
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

// Returns the options with a method "METHOD[*][+clip][+gptq]", for example "lightmamba*+clip"; "*"
// is the SSM in pot8, as in the paper's LightMamba*. Other options do not change. Throws Error that
// lists the names.
QuantizeOptions with_variant(QuantizeOptions options, std::string_view name);
// Returns the name of the method and variants of the options.
std::string variant_name(const QuantizeOptions& options);

struct TaskFile {
  Task task = Task::lambada;
  std::filesystem::path data;
};

struct CompareOptions {
  std::vector<QuantizeOptions> runs = {};  // their progress is not called
  PerplexityOptions perplexity = {};       // without taps; its progress is not called
  std::vector<TaskFile> tasks = {};
  std::int64_t limit = 0;  // number of items of each task; 0 means all
  bool taps = true;        // also find the errors at the taps
  // Chooses the back end of a quantized model; by default each runs on the reference.
  std::function<std::shared_ptr<const Backend>(const Model&)> place = reference_backend;
  // Quantized models are made until they take this many bytes, and then go through the text
  // together. Each such batch runs the float model once.
  std::int64_t batch_bytes = std::int64_t{2} << 30;
  // Called with the name of the present step and its parts done so far.
  std::function<void(std::string_view step, std::int64_t done, std::int64_t total)> progress = {};
};

struct CompareRow {
  std::optional<Quantization> quantization = {};  // nothing for the float model
  std::string variant = {};                       // "float", or variant_name() of the options
  Divergence text = {};                           // distance from the float model
  std::vector<TaskResult> tasks = {};             // in the order of the options
  std::int64_t bytes = 0;                         // bytes of the weights as stored
  std::string backend = "reference";  // name of the back end that ran the text and the tasks
};

struct MethodTaps {
  // Nothing for the float model, which is measured at all taps but `state`; methods are measured at
  // the inputs of the linear layers.
  std::optional<Method> method;
  std::vector<TapError> errors;  // at 4 bits in groups of 128
};

struct Comparison {
  std::vector<CompareRow> rows;  // the float model, then the runs
  // First the float model, then its form after each method of the runs has changed it for w4a4,
  // before any rounding. Errors are measured over the first window of the text.
  std::vector<MethodTaps> taps;
};

// The rows equal the results of perplexity(), compare_models() and evaluate_task(), for any
// batches. Throws Error as these and quantize() do.
Comparison compare_methods(const Model& model, std::span<const TokenId> tokens,
                           const CompareOptions& options);

}  // namespace lightmamba

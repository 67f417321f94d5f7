#include "eval/compare_methods.h"

#include <algorithm>
#include <array>
#include <fmt/format.h>
#include <utility>

#include "base/fail.h"
#include "base/utf8.h"
#include "eval/tap_errors.h"
#include "eval/text_comparison.h"
#include "model/tensor_list.h"
#include "quant/known_residuals.h"

namespace lightmamba {
namespace {

constexpr std::array kMethods = {Method::rtn, Method::smoothquant, Method::os_plus,
                                 Method::lightmamba};
constexpr std::string_view kClip = "+clip";
constexpr std::string_view kGptq = "+gptq";
constexpr Quantizer kFourBits = {.bits = 4, .group = 128};

bool take(std::string_view& text, std::string_view prefix) {
  if (!text.starts_with(prefix)) return false;
  text.remove_prefix(prefix.size());
  return true;
}

// The small tensors are counted in the type of the large ones, as a checkpoint stores them.
std::int64_t stored_bytes(const Weights& weights) {
  std::size_t bytes = weights.embedding.bytes();
  if (!weights.config.tie_embeddings) bytes += weights.head.bytes();
  std::size_t small = weights.norm_f.size();
  for (const LayerWeights& layer : weights.layers) {
    for (const BlockMatrix& each : block_matrices(weights.config)) {
      bytes += (layer.*each.matrix).bytes();
    }
    for (const BlockVector& each : stored_vectors(weights.config, std::nullopt)) {
      small += (layer.*each.values).size();
    }
  }
  return static_cast<std::int64_t>(bytes + small * dtype_size(weights.embedding.dtype));
}

class Comparer {
 public:
  Comparer(const Model& model, std::span<const TokenId> tokens, const CompareOptions& options)
      : model_(model), exact_(reference_backend(model)), tokens_(tokens), options_(options) {}

  std::vector<CompareRow> rows() const {
    std::vector<CompareRow> rows = {{.variant = "float", .bytes = stored_bytes(model_.weights())}};
    std::size_t next = 0;
    do {
      const std::size_t first = rows.size();
      std::vector<std::shared_ptr<const Backend>> batch;
      std::int64_t bytes = 0;
      KnownResiduals known;
      for (; next < options_.runs.size() && (batch.empty() || bytes < options_.batch_bytes);
           ++next) {
        rows.push_back(quantized(next, known, batch));
        bytes += rows.back().bytes;
      }
      evaluate_batch(batch, rows.front(), std::span(rows).subspan(first));
    } while (next < options_.runs.size());
    return rows;
  }

  std::vector<MethodTaps> taps() const {
    std::vector<MethodTaps> result;
    result.push_back({{}, tap_errors(model_, first_window(), kFourBits)});
    const EvaluationProgressFn report = progress("errors at the taps");
    std::int64_t done = 0;
    for (QuantizeOptions run : options_.runs) {
      if (report) report(done++, std::ssize(options_.runs));
      if (std::any_of(result.begin(), result.end(),
                      [&](const MethodTaps& taps) { return taps.method == run.method; })) {
        continue;
      }
      run.scheme = {.weight_bits = 4, .activation_bits = 4};
      run.progress = {};
      result.push_back({run.method, errors_of_method(run, result.front().errors)});
    }
    return result;
  }

 private:
  // Quantizes run `index` and adds the model to the batch.
  CompareRow quantized(std::size_t index, KnownResiduals& known,
                       std::vector<std::shared_ptr<const Backend>>& batch) const {
    QuantizeOptions run = options_.runs[index];
    CompareRow row{.variant = variant_name(run)};
    const std::string name = fmt::format("{} {}", scheme_name(run.scheme), row.variant);
    run.progress =
        progress(fmt::format("quantize {} ({} of {})", name, index + 1, options_.runs.size()));
    // Shows the step even while the method calibrates.
    if (run.progress) run.progress(0, model_.config().n_layer + 2);
    const QuantizedModel made = quantize(model_, run, known);
    row.quantization = made.report.quantization;
    row.bytes = made.report.bytes;
    batch.push_back(with_context(name, [&] { return options_.place(made.model); }));
    row.backend = batch.back()->name();
    return row;
  }

  // Runs the text and the tasks, with the float model only in the first batch.
  void evaluate_batch(std::span<const std::shared_ptr<const Backend>> batch, CompareRow& exact,
                      std::span<CompareRow> rows) const {
    PerplexityOptions text = options_.perplexity;
    text.progress = progress("text, all models");
    TextComparison found = compare_over_text(*exact_, batch, tokens_, text);
    if (exact.text.perplexity.tokens == 0) {  // not yet known
      exact.text = {.perplexity = std::move(found.reference), .agreement = 1};
      exact.tasks = tasks(*exact_, "float");
    }
    for (std::size_t i = 0; i < rows.size(); ++i) {
      rows[i].text = std::move(found.models[i]);
      rows[i].tasks =
          tasks(*batch[i],
                fmt::format("{} {}", scheme_name(rows[i].quantization->scheme), rows[i].variant));
    }
  }

  EvaluationProgressFn progress(const std::string& step) const {
    if (!options_.progress) return {};
    return [this, step](std::int64_t done, std::int64_t total) {
      options_.progress(step, done, total);
    };
  }

  std::vector<TaskResult> tasks(const Backend& backend, const std::string& name) const {
    std::vector<TaskResult> results;
    for (const TaskFile& file : options_.tasks) {
      const std::string step = fmt::format("{}, {}", name, task_name(file.task));
      results.push_back(evaluate_task(backend, file.task, file.data,
                                      {.limit = options_.limit, .progress = progress(step)}));
    }
    return results;
  }

  std::span<const TokenId> first_window() const {
    std::int64_t count = std::min(std::ssize(tokens_), options_.perplexity.context);
    if (options_.perplexity.max_tokens > 0) count = std::min(count, options_.perplexity.max_tokens);
    return tokens_.first(static_cast<std::size_t>(count));
  }

  // Measures at the inputs of the linear layers. rtn does not change the float model.
  std::vector<TapError> errors_of_method(const QuantizeOptions& run,
                                         const std::vector<TapError>& float_errors) const {
    static constexpr std::array kInputs = {Tap::in_proj_input, Tap::out_proj_input};
    if (run.method != Method::rtn) {
      return tap_errors_at(transform(model_, run), first_window(), kFourBits, kInputs);
    }
    std::vector<TapError> errors;
    for (const TapError& error : float_errors) {
      if (std::ranges::find(kInputs, error.tap) != kInputs.end()) errors.push_back(error);
    }
    return errors;
  }

  const Model& model_;
  std::shared_ptr<const Backend> exact_;  // runs it
  std::span<const TokenId> tokens_;
  const CompareOptions& options_;
};

}  // namespace

QuantizeOptions with_variant(QuantizeOptions options, std::string_view name) {
  std::string_view rest = name;
  const auto* const method = std::find_if(kMethods.begin(), kMethods.end(), [&](Method candidate) {
    return take(rest, method_name(candidate));
  });
  if (method != kMethods.end()) {
    options.method = *method;
    if (take(rest, "*")) options.ssm = SsmFormat::pot8;
    if (take(rest, kClip)) options.clip = true;
    if (take(rest, kGptq)) options.gptq = true;
    if (rest.empty()) return options;
  }
  fail(
      "unknown method '{}': expected rtn, smoothquant, os+ or lightmamba, then * (SSM in pot8), "
      "+clip and +gptq where wanted, in this order",
      printable(name));
}

std::string variant_name(const QuantizeOptions& options) {
  return fmt::format("{}{}{}{}", method_name(options.method),
                     options.ssm == SsmFormat::pot8 ? "*" : "", options.clip ? kClip : "",
                     options.gptq ? kGptq : "");
}

Comparison compare_methods(const Model& model, std::span<const TokenId> tokens,
                           const CompareOptions& options) {
  const Comparer comparer(model, tokens, options);
  Comparison result;
  result.rows = comparer.rows();
  if (options.taps) result.taps = comparer.taps();
  return result;
}

}  // namespace lightmamba

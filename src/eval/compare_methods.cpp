#include "eval/compare_methods.h"

#include <algorithm>
#include <array>
#include <fmt/format.h>
#include <utility>

#include "base/fail.h"
#include "base/utf8.h"
#include "model/weights.h"

namespace lightmamba {
namespace {

constexpr std::array kMethods = {Method::rtn, Method::smoothquant, Method::os_plus,
                                 Method::lightmamba};
constexpr std::string_view kClip = "+clip";
constexpr std::string_view kGptq = "+gptq";

bool take(std::string_view& text, std::string_view prefix) {
  if (!text.starts_with(prefix)) return false;
  text.remove_prefix(prefix.size());
  return true;
}

// The small tensors count in the type of the large ones, which a checkpoint keeps them in.
std::int64_t stored_bytes(const Weights& weights) {
  std::size_t bytes = weights.embedding.bytes();
  if (!weights.config.tie_embeddings) bytes += weights.head.bytes();
  std::size_t small = weights.norm_f.size();
  for (const LayerWeights& layer : weights.layers) {
    bytes += layer.in_proj.bytes() + layer.out_proj.bytes();
    small += layer.norm.size() + layer.conv1d.size() + layer.dt_bias.size() + layer.A.size() +
             layer.D.size() + layer.gated_norm.size();
    if (weights.config.conv_bias) small += layer.conv1d_bias.size();
  }
  return static_cast<std::int64_t>(bytes + small * dtype_size(weights.embedding.dtype));
}

class Comparer {
 public:
  Comparer(const Model& model, std::span<const TokenId> tokens, const CompareOptions& options)
      : model_(model), tokens_(tokens), options_(options) {}

  CompareRow float_row() const {
    CompareRow row{.variant = "float", .bytes = stored_bytes(model_.weights())};
    row.text = {.perplexity = perplexity(model_, tokens_, text_options("float")), .agreement = 1};
    row.tasks = tasks(model_, "float");
    return row;
  }

  CompareRow row(QuantizeOptions run) const {
    CompareRow row{.variant = variant_name(run)};
    const std::string name = fmt::format("{} {}", scheme_name(run.scheme), row.variant);
    run.progress = progress(name + ", quantize");
    const QuantizedModel quantized = quantize(model_, run);
    row.quantization = quantized.report.quantization;
    row.bytes = quantized.report.bytes;
    row.text = compare_models(model_, quantized.model, tokens_, text_options(name));
    row.tasks = tasks(quantized.model, name);
    return row;
  }

  std::vector<MethodTaps> taps() const {
    std::vector<MethodTaps> result;
    result.push_back({{}, errors(model_)});
    for (QuantizeOptions run : options_.runs) {
      if (std::any_of(result.begin(), result.end(),
                      [&](const MethodTaps& taps) { return taps.method == run.method; })) {
        continue;
      }
      run.scheme = {.weight_bits = 4, .activation_bits = 4};
      run.progress = {};
      std::vector<TapError> found =
          run.method == Method::rtn ? result.front().errors : errors(transform(model_, run));
      std::erase_if(found, [](const TapError& error) {
        return error.tap != Tap::in_proj_input && error.tap != Tap::out_proj_input;
      });
      result.push_back({run.method, std::move(found)});
    }
    return result;
  }

 private:
  EvaluationProgressFn progress(const std::string& step) const {
    if (!options_.progress) return {};
    return [this, step](std::int64_t done, std::int64_t total) {
      options_.progress(step, done, total);
    };
  }

  PerplexityOptions text_options(const std::string& name) const {
    PerplexityOptions result = options_.perplexity;
    result.progress = progress(name + ", text");
    return result;
  }

  std::vector<TaskResult> tasks(const Model& model, const std::string& name) const {
    std::vector<TaskResult> results;
    for (const TaskFile& file : options_.tasks) {
      const std::string step = fmt::format("{}, {}", name, task_name(file.task));
      results.push_back(evaluate_task(model, file.task, file.data,
                                      {.limit = options_.limit, .progress = progress(step)}));
    }
    return results;
  }

  std::vector<TapError> errors(const Model& model) const {
    std::int64_t count = std::min(std::ssize(tokens_), options_.perplexity.context);
    if (options_.perplexity.max_tokens > 0) count = std::min(count, options_.perplexity.max_tokens);
    return tap_errors(model, tokens_.first(static_cast<std::size_t>(count)),
                      {.bits = 4, .group = 128});
  }

  const Model& model_;
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
  result.rows.push_back(comparer.float_row());
  for (const QuantizeOptions& run : options.runs) result.rows.push_back(comparer.row(run));
  if (options.taps) result.taps = comparer.taps();
  return result;
}

}  // namespace lightmamba

// What runs a model, for the tests that run it on the reference.
#pragma once

#include <span>

#include <lightmamba/evaluate.h>
#include <lightmamba/generate.h>

namespace lightmamba {

inline PerplexityResult perplexity(const Model& model, std::span<const TokenId> tokens,
                                   const PerplexityOptions& options = {}) {
  return perplexity(*reference_backend(model), tokens, options);
}

inline Divergence compare_models(const Model& reference, const Model& model,
                                 std::span<const TokenId> tokens,
                                 const PerplexityOptions& options = {}) {
  return compare_models(*reference_backend(reference), *reference_backend(model), tokens, options);
}

inline TaskResult evaluate_task(const Model& model, Task task, const std::filesystem::path& data,
                                const TaskOptions& options = {}) {
  return evaluate_task(*reference_backend(model), task, data, options);
}

inline GenerateResult generate(const Model& model, std::span<const TokenId> prompt,
                               const GenerateOptions& options = {}, const TokenFn& callback = {}) {
  return generate(*reference_backend(model), prompt, options, callback);
}

}  // namespace lightmamba

// Several models over one text, next to a reference that is run once for all of them.
#pragma once

#include <memory>
#include <span>
#include <vector>

#include <lightmamba/evaluate.h>

namespace lightmamba {

struct TextComparison {
  PerplexityResult reference;      // as perplexity() gives it without taps
  std::vector<Divergence> models;  // as compare_models() gives each
};

// compare_models() of the reference and each of the models. The progress is in tokens of the text;
// a token is in parts done when some of the models have seen it. Holds a state of each model.
// Throws Error as compare_models() does.
TextComparison compare_over_text(const Backend& reference,
                                 std::span<const std::shared_ptr<const Backend>> models,
                                 std::span<const TokenId> tokens, const PerplexityOptions& options);

}  // namespace lightmamba

// Runs several models over one text, and a reference once for all of them.
#pragma once

#include <memory>
#include <span>
#include <vector>

#include <lightmamba/evaluate.h>

namespace lightmamba {

struct TextComparison {
  PerplexityResult reference;      // equal to perplexity() without taps
  std::vector<Divergence> models;  // equal to compare_models() for each
};

// Does compare_models() of the reference and each of the models. The progress is in tokens of the
// text; a token counts in part when only some of the models have seen it. Holds a state of each
// model. Throws Error as compare_models() does.
TextComparison compare_over_text(const Backend& reference,
                                 std::span<const std::shared_ptr<const Backend>> models,
                                 std::span<const TokenId> tokens, const PerplexityOptions& options);

}  // namespace lightmamba

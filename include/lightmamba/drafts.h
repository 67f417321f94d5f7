// Drafts: proposals for the next tokens of a text, all of which a model then checks in one pass.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <vector>

#include <lightmamba/export.h>
#include <lightmamba/sequence.h>

namespace lightmamba {

// Returns up to `count` ids that may follow `text`, the likeliest ones that it knows; or none.
// `text` is the prompt and all tokens so far. Usually it continues the text of the last call.
using Drafter =
    std::function<std::vector<TokenId>(std::span<const TokenId> text, std::int64_t count)>;

struct DraftOptions {
  Drafter drafter = {};     // none: no drafts
  std::int64_t tokens = 4;  // largest number of tokens of a draft; at least 1
};

struct NgramDraftOptions {
  std::int64_t shortest = 2;  // tokens that must match; at least 1
  std::int64_t longest = 16;  // longer matches are not preferred; at least `shortest`
};

// Looks for the longest place earlier in the text that agrees with its last tokens, the latest one
// among equals, and proposes what followed there ("prompt lookup": A. Saxena, 2023). Throws Error
// for an option out of range.
LIGHTMAMBA_EXPORT Drafter ngram_drafter(const NgramDraftOptions& options = {});

// Proposes the tokens that a smaller model finds most likely one after the other (Leviathan et al.,
// arXiv 2211.17192). Copies of the result share one sequence of that model, so only one thread may
// use them at a time. `model` is the model that the drafts are for. Throws Error that names both if
// their tokens are not the same: by their tokenizers or, if one has none, by the size of the
// vocabulary.
LIGHTMAMBA_EXPORT Drafter model_drafter(std::shared_ptr<const Backend> smaller, const Model& model);

}  // namespace lightmamba

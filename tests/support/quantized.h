// Small models to quantize, and what tests compare of them.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include <lightmamba/quantize.h>
#include <lightmamba/sequence.h>

#include "model/matrix.h"
#include "support/random_model.h"

namespace lightmamba::test {

Model load_random_model(const RandomModelOptions& options = {}, bool with_tokenizer = false);

std::vector<TokenId> random_tokens(std::int64_t count, std::int64_t vocab, unsigned seed = 3);

// What the accelerator runs: integers throughout, in small groups, calibrated.
QuantizeOptions accelerator_options();

// Logits after each token, one after the other.
std::vector<float> prefill_logits(const Backend& backend, std::span<const TokenId> tokens);
std::vector<float> decode_logits(const Backend& backend, std::span<const TokenId> tokens);
// On the reference.
std::vector<float> prefill_logits(const Model& model, std::span<const TokenId> tokens);
std::vector<float> decode_logits(const Model& model, std::span<const TokenId> tokens);

inline std::vector<float> copy_of(std::span<const float> values) {
  return {values.begin(), values.end()};
}

std::vector<float> values_of(const Matrix& matrix);  // row by row

// sqrt(sum (a - b)^2 / sum b^2)
double relative_distance(std::span<const float> a, std::span<const float> b);

}  // namespace lightmamba::test

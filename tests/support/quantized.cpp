#include "support/quantized.h"

#include <cmath>
#include <gtest/gtest.h>
#include <random>

#include <lightmamba/load.h>

#include "support/paths.h"
#include "support/tokenizers.h"

namespace lightmamba::test {

Model load_random_model(const RandomModelOptions& options, bool with_tokenizer) {
  const TemporaryFolder folder;
  RandomModel(options).write_hugging_face(folder / "m");
  if (with_tokenizer) write_file(folder / "m/tokenizer.json", byte_level_file().dump());
  return open_model(folder / "m");
}

std::vector<TokenId> random_tokens(std::int64_t count, std::int64_t vocab, unsigned seed) {
  std::mt19937 generator(seed);
  std::vector<TokenId> tokens(static_cast<std::size_t>(count));
  for (TokenId& id : tokens) {
    id = static_cast<TokenId>(generator() % static_cast<std::uint64_t>(vocab));
  }
  return tokens;
}

QuantizeOptions accelerator_options() {
  QuantizeOptions options{.scheme = {4, 4},
                          .head_bits = 4,
                          .group = 16,
                          .ssm = SsmFormat::pot8,
                          .state = StateFormat::int16,
                          .clip = true};
  options.calibration = random_tokens(100, 37);
  return options;
}

std::vector<float> prefill_logits(const Backend& backend, std::span<const TokenId> tokens) {
  std::vector<float> all;
  backend.open()->prefill_all(tokens, [&](std::int64_t /*index*/, std::span<const float> row) {
    all.insert(all.end(), row.begin(), row.end());
  });
  return all;
}

std::vector<float> decode_logits(const Backend& backend, std::span<const TokenId> tokens) {
  std::vector<float> all;
  const auto sequence = backend.open();
  for (const TokenId token : tokens) {
    const std::span row = sequence->decode(token);
    all.insert(all.end(), row.begin(), row.end());
  }
  return all;
}

std::vector<float> prefill_logits(const Model& model, std::span<const TokenId> tokens) {
  return prefill_logits(*reference_backend(model), tokens);
}

std::vector<float> decode_logits(const Model& model, std::span<const TokenId> tokens) {
  return decode_logits(*reference_backend(model), tokens);
}

std::vector<float> values_of(const Matrix& matrix) {
  std::vector<float> values;
  std::vector<float> row(static_cast<std::size_t>(matrix.columns));
  for (std::int64_t r = 0; r < matrix.rows; ++r) {
    matrix.row_to_float(r, row);
    values.insert(values.end(), row.begin(), row.end());
  }
  return values;
}

double relative_distance(std::span<const float> a, std::span<const float> b) {
  EXPECT_EQ(a.size(), b.size());
  double difference = 0;
  double size = 0;
  for (std::size_t i = 0; i < std::min(a.size(), b.size()); ++i) {
    difference += std::pow(static_cast<double>(a[i]) - static_cast<double>(b[i]), 2);
    size += std::pow(static_cast<double>(b[i]), 2);
  }
  return std::sqrt(difference / size);
}

}  // namespace lightmamba::test

#include "model/fingerprint.h"

#include <algorithm>
#include <bit>
#include <fmt/format.h>
#include <xxhash.h>

#include "model/tensor_list.h"

namespace lightmamba {
namespace {

// The number of bytes of a large tensor that count: reading all of it would take as long as reading
// the file.
constexpr std::size_t kBeginning = 65536;

class Hash {
 public:
  template <typename... Numbers>
  void add_numbers(Numbers... numbers) {
    for (const std::int64_t number : {static_cast<std::int64_t>(numbers)...}) {
      add(&number, sizeof number);
    }
  }

  void add_vector(const AlignedVector<float>& values) {
    add_numbers(values.size());
    add(values.data(), values.size() * sizeof(float));
  }

  void add_matrix(const Matrix& matrix) {
    add_numbers(matrix.rows, matrix.columns, matrix.codes.bits, matrix.codes.group,
                matrix.is_quantized() ? 0 : static_cast<int>(matrix.dtype));
    const std::size_t bytes =
        matrix.is_quantized() ? static_cast<std::size_t>(CodeFormat::blocks(matrix.rows) *
                                                         matrix.codes.block_bytes(matrix.columns))
                              : matrix.bytes();
    add(matrix.data, std::min(bytes, kBeginning));
  }

  std::string text() const { return fmt::format("{:016x}", hash_); }

 private:
  // The hashes are chained through the seed.
  void add(const void* data, std::size_t size) { hash_ = XXH3_64bits_withSeed(data, size, hash_); }

  std::uint64_t hash_ = 0;
};

}  // namespace

std::string fingerprint(const Weights& weights) {
  const Mamba2Config& c = weights.config;
  Hash hash;
  hash.add_numbers(c.vocab_size, c.d_model, c.n_layer, c.d_inner, c.nheads, c.headdim, c.d_state,
                   c.ngroups, c.d_conv, c.conv_bias, std::bit_cast<std::int32_t>(c.norm_eps),
                   std::bit_cast<std::int32_t>(c.dt_min), std::bit_cast<std::int32_t>(c.dt_max));
  if (const auto& q = weights.quantization) {
    hash.add_numbers(static_cast<int>(q->method), q->scheme.weight_bits, q->scheme.activation_bits,
                     q->head_bits, q->group, static_cast<int>(q->ssm), static_cast<int>(q->state),
                     q->clip, q->gptq, q->seed);
  }
  hash.add_matrix(weights.embedding);
  for (const LayerWeights& layer : weights.layers) {
    for (const BlockMatrix& each : block_matrices(c)) hash.add_matrix(layer.*each.matrix);
    for (const BlockVector& each : block_vectors(c)) hash.add_vector(layer.*each.values);
  }
  hash.add_vector(weights.norm_f);
  hash.add_matrix(weights.head);
  return hash.text();
}

}  // namespace lightmamba

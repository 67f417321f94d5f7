#include "model/fingerprint.h"

#include <algorithm>
#include <bit>
#include <fmt/format.h>
#include <span>
#include <vector>
#include <xxhash.h>

#include "base/dtype.h"
#include "base/threads.h"
#include "model/tensor_list.h"

namespace lightmamba {
namespace {

constexpr std::size_t kHashChunk = std::size_t{1} << 20;  // bytes of a task

// Notes what belongs to a hash, and computes it at the end on all threads.
class Hash {
 public:
  template <typename... Numbers>
  void add_numbers(Numbers... numbers) {
    for (const auto number : {static_cast<std::int64_t>(numbers)...}) numbers_.push_back(number);
  }

  void add_vector(const AlignedVector<float>& values) { add(std::as_bytes(std::span(values))); }

  void add_matrix(const Matrix& matrix) {
    add_numbers(matrix.rows, matrix.columns, matrix.codes.bits, matrix.codes.group,
                matrix.is_quantized() ? 0 : static_cast<int>(matrix.dtype));
    if (!matrix.is_quantized()) return add({matrix.data, matrix.bytes()});
    const std::int64_t blocks = CodeFormat::blocks(matrix.rows);
    const std::int64_t codes = blocks * matrix.codes.block_bytes(matrix.columns);
    const std::int64_t scales = blocks * matrix.codes.block_scales(matrix.columns);
    add({matrix.data, static_cast<std::size_t>(codes)});
    add({matrix.scales, static_cast<std::size_t>(scales) * dtype_size(DType::f16)});
  }

  std::string text() const {
    std::vector<std::uint64_t> digests(chunks_.size());
    parallel_for(std::ssize(chunks_), kHashChunk / 8, [&](std::int64_t index) {
      const auto i = static_cast<std::size_t>(index);
      digests[i] = XXH3_64bits(chunks_[i].data(), chunks_[i].size());
    });
    const std::uint64_t seed =
        XXH3_64bits(numbers_.data(), numbers_.size() * sizeof numbers_.front());
    return fmt::format(
        "{:016x}",
        XXH3_64bits_withSeed(digests.data(), digests.size() * sizeof digests.front(), seed));
  }

 private:
  void add(std::span<const std::byte> bytes) {
    add_numbers(bytes.size());
    for (std::size_t begin = 0; begin < bytes.size(); begin += kHashChunk) {
      chunks_.push_back(bytes.subspan(begin, std::min(kHashChunk, bytes.size() - begin)));
    }
  }

  std::vector<std::int64_t> numbers_;
  std::vector<std::span<const std::byte>> chunks_;
};

}  // namespace

bool has_fingerprint(const Weights& weights) {
  return !weights.layers.empty() || !weights.fingerprint.empty();
}

std::string fingerprint(const Weights& weights) {
  if (!weights.fingerprint.empty()) return weights.fingerprint;
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
  hash.add_vector(weights.clips);
  return hash.text();
}

}  // namespace lightmamba

#include "model/weights.h"

#include <algorithm>
#include <cmath>
#include <fmt/ranges.h>
#include <set>
#include <string>

#include "base/fail.h"
#include "base/utf8.h"
#include "io/finite.h"
#include "model/tensor_list.h"

namespace lightmamba {
namespace {

// Takes tensors by name and remembers which, so that the others can be refused.
class TensorTaker {
 public:
  explicit TensorTaker(const Checkpoint& checkpoint)
      : checkpoint_(checkpoint), tensors_(checkpoint.tensors) {}

  bool has(const std::string& name) const { return tensors_.contains(name); }

  const Tensor& take(const std::string& name, const Shape& shape) {
    const auto found = tensors_.find(name);
    if (found == tensors_.end()) {
      fail("tensor '{}' is missing, expected {}", name, shape_string(shape));
    }
    const Tensor& tensor = found->second;
    if (tensor.shape != shape) {
      fail("{} has shape {}, but the configuration asks for {}", checkpoint_.describe(name),
           shape_string(tensor.shape), shape_string(shape));
    }
    if (!is_floating(tensor.dtype)) {
      fail("{} is {}, expected F32, F16, BF16 or F64", checkpoint_.describe(name),
           dtype_name(tensor.dtype));
    }
    require_finite(tensor, checkpoint_.describe(name));
    taken_.insert(name);
    return tensor;
  }

  AlignedVector<float> vector(const std::string& name, const Shape& shape) {
    const Tensor& tensor = take(name, shape);
    AlignedVector<float> values(element_count(tensor.shape, tensor.dtype));
    to_float(tensor.dtype, tensor.data.data(), values);
    return values;
  }

  Matrix matrix(const std::string& name, std::int64_t rows, std::int64_t columns) {
    const Tensor& tensor = take(name, {rows, columns});
    return {.dtype = tensor.dtype,
            .rows = rows,
            .columns = columns,
            .data = tensor.data.data(),
            .owner = tensor.owner};
  }

  std::string describe(const std::string& name) const { return checkpoint_.describe(name); }

  void refuse_rest() const {
    std::vector<std::string> rest;
    for (const auto& [name, tensor] : tensors_) {
      if (taken_.contains(name)) continue;
      const auto stored = checkpoint_.stored_as.find(name);
      rest.push_back(printable(stored == checkpoint_.stored_as.end() ? name : stored->second.name));
    }
    if (rest.empty()) return;
    const std::size_t count = rest.size();
    if (count > 4) rest.resize(4);
    fail("{} tensors are not part of a Mamba-2 model of this configuration: {}{}", count,
         fmt::join(rest, ", "), count > 4 ? ", ..." : "");
  }

 private:
  const Checkpoint& checkpoint_;
  const TensorMap& tensors_;
  std::set<std::string> taken_;
};

void take_decay(TensorTaker& tensors, const std::string& name, const Shape& shape,
                AlignedVector<float>& A) {
  A = tensors.vector(name, shape);
  for (std::size_t head = 0; head < A.size(); ++head) {
    const float value = -std::exp(A[head]);
    if (!std::isfinite(value)) {
      fail("{}: element [{}] is {}, whose exponential no float holds", tensors.describe(name), head,
           A[head]);
    }
    A[head] = value;
  }
}

LayerWeights make_layer(TensorTaker& tensors, const Mamba2Config& config, std::int64_t layer) {
  const std::string block = block_name(layer);
  LayerWeights weights;
  for (const BlockMatrix& each : block_matrices(config)) {
    weights.*each.matrix =
        tensors.matrix(fmt::format("{}{}", block, each.name), each.rows, each.columns);
  }
  for (const BlockVector& each : stored_vectors(config, std::nullopt)) {
    if (each.name == kAName) {
      take_decay(tensors, fmt::format("{}{}", block, kALogName), each.shape, weights.A);
    } else {
      weights.*each.values = tensors.vector(fmt::format("{}{}", block, each.name), each.shape);
    }
  }
  weights.conv1d_bias.resize(static_cast<std::size_t>(config.conv_dim()));
  return weights;
}

// Tells whether two matrices of one shape hold the same numbers.
bool same_values(const Matrix& a, const Matrix& b) {
  if (a.data == b.data && a.dtype == b.dtype) return true;
  std::vector<float> left(static_cast<std::size_t>(a.columns));
  std::vector<float> right(left.size());
  for (std::int64_t row = 0; row < a.rows; ++row) {
    a.row_to_float(row, left);
    b.row_to_float(row, right);
    if (left != right) return false;
  }
  return true;
}

}  // namespace

Weights make_weights(const Checkpoint& checkpoint) {
  return with_context(checkpoint.weights_file.string(), [&] {
    const Mamba2Config& config = checkpoint.config;
    TensorTaker tensors(checkpoint);
    Weights weights;
    weights.config = config;
    weights.notes = checkpoint.notes;
    // The name is that of Hugging Face, or that of mamba_ssm.
    const char* embedding =
        tensors.has("backbone.embedding.weight") ? "backbone.embedding.weight" : kEmbeddingName;
    weights.embedding = tensors.matrix(embedding, config.vocab_size, config.d_model);
    const std::string head = kHeadName;
    if (config.tie_embeddings && !tensors.has(head)) {
      weights.head = weights.embedding;
    } else {
      weights.head = tensors.matrix(head, config.vocab_size, config.d_model);
      if (config.tie_embeddings && same_values(weights.head, weights.embedding)) {
        weights.head = weights.embedding;
      } else if (config.tie_embeddings) {
        weights.config.tie_embeddings = false;
        weights.notes.push_back(fmt::format(
            "{}: the configuration ties the head to the embedding, but {} is another matrix: the "
            "stored head is used",
            checkpoint.weights_file, tensors.describe(head)));
      }
    }
    weights.norm_f = tensors.vector(kFinalNormName, {config.d_model});
    for (std::int64_t layer = 0; layer < config.n_layer; ++layer) {
      weights.layers.push_back(make_layer(tensors, config, layer));
    }
    tensors.refuse_rest();
    return weights;
  });
}

}  // namespace lightmamba

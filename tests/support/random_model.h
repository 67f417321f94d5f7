// A small Mamba-2 model of random weights: written in any checkpoint layout, and computed by a
// plain float64 recurrence that shares no code with the library.
#pragma once

#include <cmath>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <string>
#include <vector>

#include "base/dtype.h"

namespace lightmamba::test {

struct RandomModelOptions {
  std::int64_t vocab_size = 37;
  std::int64_t d_model = 24;
  std::int64_t n_layer = 2;
  std::int64_t expand = 2;
  std::int64_t headdim = 8;
  std::int64_t d_state = 16;
  std::int64_t ngroups = 1;
  std::int64_t d_conv = 4;
  bool conv_bias = true;
  bool tied = true;
  double dt_min = 0.0;
  double dt_max = INFINITY;
  double norm_eps = 1e-5;
  DType dtype = DType::f32;
  unsigned seed = 1;
};

class RandomModel {
 public:
  explicit RandomModel(const RandomModelOptions& options);

  struct StoredTensor {
    std::string name;
    std::vector<std::int64_t> shape;
    std::vector<double> values;  // exactly representable in the model's dtype
    std::vector<std::byte> bytes;
  };

  const RandomModelOptions& options() const { return options_; }
  std::int64_t d_inner() const { return options_.d_model * options_.expand; }
  std::int64_t nheads() const { return d_inner() / options_.headdim; }
  // By Hugging Face's names; with tied embeddings there is no lm_head.weight.
  const std::vector<StoredTensor>& tensors() const { return tensors_; }

  std::string hugging_face_config() const;
  // mamba_ssm's layout: vocab_size one less than its padding makes it, so that both are seen.
  std::string state_spaces_config() const;

  // All tensors as a safetensors file, by the names that `name` makes of Hugging Face's.
  std::string safetensors(const std::function<std::string(const std::string&)>& name =
                              [](const std::string& same) { return same; }) const;

  void write_hugging_face(const std::filesystem::path& directory) const;
  void write_hugging_face_shards(const std::filesystem::path& directory) const;
  // Here a tied head is written out, in the storage that it shares with the embedding.
  void write_state_spaces(const std::filesystem::path& directory) const;

  // Logits after each token, [tokens][vocab_size].
  std::vector<std::vector<double>> logits(const std::vector<std::int32_t>& tokens) const;

 private:
  void add(const std::string& name, std::vector<std::int64_t> shape, double scale, double offset);
  const std::vector<double>& value(const std::string& name) const;

  RandomModelOptions options_;
  std::vector<StoredTensor> tensors_;
};

// The bytes of a safetensors file, put together without the library.
std::string safetensors_bytes(const std::string& header, const std::string& data);

}  // namespace lightmamba::test

// The tensors of a model, each named once: those of a checkpoint, those of the quantized file, and
// the places of both in Weights.
#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "io/tensor.h"
#include "model/weights.h"

namespace lightmamba {

inline constexpr const char* kEmbeddingName = "backbone.embeddings.weight";
inline constexpr const char* kHeadName = "lm_head.weight";  // absent if it is the embedding
inline constexpr const char* kFinalNormName = "backbone.norm_f.weight";

std::string block_name(std::int64_t layer);  // "backbone.layers.3."

// Names follow block_name().
struct BlockMatrix {
  std::string_view name;
  std::int64_t rows;
  std::int64_t columns;
  Matrix LayerWeights::*matrix;
};

enum class Presence {
  always,
  conv_bias,  // if the configuration has one
  offsets,    // only where a quantization method adds them (Method::os_plus)
};

struct BlockVector {
  std::string_view name;
  Shape shape;
  AlignedVector<float> LayerWeights::*values;
  Presence presence = Presence::always;
};

// Both lists have the order of the quantized file.
std::array<BlockMatrix, 2> block_matrices(const Mamba2Config& config);
std::vector<BlockVector> block_vectors(const Mamba2Config& config);
// Returns the vectors that a float model has, or a quantized one.
std::vector<BlockVector> stored_vectors(const Mamba2Config& config,
                                        const std::optional<Quantization>& quantization);

// Checkpoints store the decay as A_log, with A = -exp(A_log), the quantized file stores A itself.
inline constexpr std::string_view kAName = "mixer.A";
inline constexpr std::string_view kALogName = "mixer.A_log";
// These are integers with exponents if the SSM is in pot8.
inline constexpr std::string_view kConvName = "mixer.conv1d.weight";

}  // namespace lightmamba

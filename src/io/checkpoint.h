// A model directory: its configuration and all of its tensors.
#pragma once

#include <filesystem>

#include "io/config_json.h"
#include "io/tensor.h"

namespace lightmamba {

struct Checkpoint {
  Mamba2Config config;                 // tie_embeddings resolved
  TensorMap tensors;                   // views into the mapped weight files
  std::filesystem::path weights_file;  // or the index of the shards; for messages
};

// Opens a directory with config.json, generation_config.json if there is one, and one of
// model.safetensors, model.safetensors.index.json, pytorch_model.bin, pytorch_model.bin.index.json.
// Throws Error naming what is missing or wrong.
Checkpoint open_checkpoint(const std::filesystem::path& directory);

}  // namespace lightmamba

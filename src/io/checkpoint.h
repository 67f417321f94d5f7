// A model directory: its configuration and all of its tensors.
#pragma once

#include <filesystem>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "io/config_json.h"
#include "io/tensor.h"

namespace lightmamba {

// The place of a tensor, if its name or its file differs from those of the checkpoint.
struct StoredAs {
  std::string name;  // in the file
  std::string file;  // the shard; empty where there are none
};

struct Checkpoint {
  Mamba2Config config;                 // tie_embeddings resolved
  TensorMap tensors;                   // views into the mapped weight files, by plain_names()
  std::filesystem::path weights_file;  // or the index of the shards; for messages
  std::map<std::string, StoredAs, std::less<>> stored_as;
  std::vector<std::string> notes;  // see Model::notes()

  // Returns "tensor 'NAME'", with its name in the file and its shard if those differ; for messages.
  std::string describe(std::string_view name) const;
};

// Returns the files in the directory that open_checkpoint() may read, shards that an index names
// included, whether they are there or not.
std::vector<std::filesystem::path> checkpoint_files(const std::filesystem::path& directory);

// Opens a directory with config.json (or Mistral's params.json), generation_config.json if there is
// one, and one of model.safetensors, model.safetensors.index.json, pytorch_model.bin,
// pytorch_model.bin.index.json, consolidated.safetensors, consolidated.safetensors.index.json.
// Throws Error naming what is missing or wrong.
Checkpoint open_checkpoint(const std::filesystem::path& directory);

}  // namespace lightmamba

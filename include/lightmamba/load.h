// Reads models from files.
#pragma once

#include <filesystem>
#include <optional>

#include <lightmamba/export.h>
#include <lightmamba/model.h>

namespace lightmamba {

struct LoadOptions {
  // A tokenizer.json to read instead of the model's own (state-spaces checkpoints have none).
  // open_model() throws Error if it cannot be used.
  std::optional<std::filesystem::path> tokenizer;
};

// Reads a model. `path` is a directory with config.json and weights, in the layout of Hugging Face
// (Mamba2ForCausalLM) or state-spaces, or a quantized file. Throws Error that names the file and
// the field or tensor. A faulty tokenizer.json of the model itself is no error here;
// Model::tokenizer() reports it.
LIGHTMAMBA_EXPORT Model open_model(const std::filesystem::path& path,
                                   const LoadOptions& options = {});

}  // namespace lightmamba

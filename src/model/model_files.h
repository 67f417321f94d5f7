// Files that are written beside a model.
#pragma once

#include <filesystem>

#include <lightmamba/model.h>

namespace lightmamba {

// Throws Error if `path` is a file that the model at `model` is loaded from, under any of its
// names: `model` itself, or a file of the checkpoint in that directory.
void require_no_file_of_model(const std::filesystem::path& path,
                              const std::filesystem::path& model);

// Throws Error where save_state() would, before there is a state: for a file of the model, a model
// that has no fingerprint, or a path that cannot be written.
void require_place_for_state(const Model& model, const std::filesystem::path& path);

}  // namespace lightmamba

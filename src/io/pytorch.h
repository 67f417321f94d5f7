// PyTorch checkpoints: the zip archives that torch.save writes.
#pragma once

#include <cstddef>
#include <filesystem>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "io/tensor.h"

namespace lightmamba {

// Returns the tensors of a state dict, or of the model in a training script's checkpoint, as
// unpickle_state_dict() finds it. The pickle inside is read by an interpreter that can build
// dictionaries, tuples, numbers, strings and tensors and nothing else; any other request is an
// Error that names it. Contiguous tensors are views into the mapped file (tensors that share a
// storage share the view); strided ones are copied. All copies together, and all tensors together,
// may take twice the size of the file plus 16 MiB, since a tensor expanded with strides of 0 could
// ask for any amount of memory.
// Adds a note of each other model in the file to `notes`, which may be null.
TensorMap read_pytorch(const std::filesystem::path& path,
                       std::vector<std::string>* notes = nullptr);

// Does the same over bytes in memory that `owner` keeps alive; errors use the name `source`.
TensorMap parse_pytorch(std::span<const std::byte> bytes, std::shared_ptr<const void> owner,
                        std::string_view source, std::vector<std::string>* notes = nullptr);

}  // namespace lightmamba

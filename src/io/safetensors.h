// The safetensors format: an 8-byte little-endian header length, a JSON header, the data.
#pragma once

#include <cstddef>
#include <filesystem>
#include <map>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "io/tensor.h"

namespace lightmamba {

struct SafetensorsFile {
  TensorMap tensors;                            // views into the file
  std::map<std::string, std::string> metadata;  // the header's __metadata__
};

// Throws Error naming the file, the tensor and the field where the header lies about the data:
// offsets past the end, overlaps or gaps, sizes that do not follow from shape and dtype.
SafetensorsFile read_safetensors(const std::filesystem::path& path);

// The same over bytes in memory that `owner` keeps alive; `source` is the name that errors use.
SafetensorsFile parse_safetensors(std::span<const std::byte> bytes,
                                  std::shared_ptr<const void> owner, std::string_view source);

// Writes tensors in the given order; the data begins at a multiple of 64 bytes. The same input
// gives the same bytes. The file appears only when complete.
void write_safetensors(const std::filesystem::path& path,
                       const std::map<std::string, std::string>& metadata,
                       const std::vector<std::pair<std::string, Tensor>>& tensors);

}  // namespace lightmamba

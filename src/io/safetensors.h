// The safetensors format: an 8-byte little-endian header length, a JSON header, the data.
#pragma once

#include <cstddef>
#include <filesystem>
#include <functional>
#include <map>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "io/tensor.h"

namespace lightmamba {

using Metadata = std::map<std::string, std::string>;

struct SafetensorsFile {
  TensorMap tensors;        // views into the file
  Metadata metadata;        // the header's __metadata__
  std::string_view header;  // text of the header; lives as long as the tensors' owner
};

// Throws Error that names the file, the tensor and the field if the header contradicts the data:
// offsets past the end, overlaps or gaps, sizes that do not follow from shape and dtype.
SafetensorsFile read_safetensors(const std::filesystem::path& path);

// Does the same over bytes in memory that `owner` keeps alive; errors use the name `source`.
SafetensorsFile parse_safetensors(std::span<const std::byte> bytes,
                                  std::shared_ptr<const void> owner, std::string_view source);

struct TensorSpec {
  std::string name;
  DType dtype = DType::f32;
  Shape shape;

  std::size_t bytes() const { return element_count(shape, dtype) * dtype_size(dtype); }
};

// Returns the text of a header for tensors in this order, padded so that the data begins at a
// multiple of 64 bytes. The same input gives the same bytes.
std::string safetensors_header(const Metadata& metadata, const std::vector<TensorSpec>& tensors);

// Writes a file whose tensors are made one after the other: `produce` calls the function that it is
// given with the data of each tensor of `specs` in order. The file appears only when complete.
using PutTensor = std::function<void(std::span<const std::byte>)>;
void write_safetensors(const std::filesystem::path& path, const Metadata& metadata,
                       const std::vector<TensorSpec>& specs,
                       const std::function<void(const PutTensor&)>& produce);

// Does the same for tensors in memory.
void write_safetensors(const std::filesystem::path& path, const Metadata& metadata,
                       const std::vector<std::pair<std::string, Tensor>>& tensors);

}  // namespace lightmamba

// The quantized checkpoint: one safetensors file with codes, scales, configuration and tokenizer.
//
//   metadata   format           "lightmamba"
//              format_version   "2"; a reader refuses any other
//              config           a config.json in Hugging Face's layout
//              quantization     how it was made, as JSON
//   tensors    as in docs/quantization.md, in the order of quantized_layout(): codes first, so
//              that each matrix begins at a multiple of 64 bytes of the file
#pragma once

#include <filesystem>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <lightmamba/model.h>

#include "io/safetensors.h"
#include "model/weights.h"

namespace lightmamba {

Metadata quantized_metadata(const Mamba2Config& config, const Quantization& quantization);

// Returns all tensors of a model but the tokenizer and the checksums, in the order of the file.
std::vector<TensorSpec> quantized_layout(const Mamba2Config& config,
                                         const Quantization& quantization);

// Makes weights of tensors in that layout. Throws Error that names a tensor if it is missing, does
// not fit or is not part of the layout.
Weights weights_from_layout(const Mamba2Config& config, const Quantization& quantization,
                            const TensorMap& tensors);

// Writes the file while its tensors are made: `produce` hands over each tensor of the layout in
// order. `tokenizer` is the text of a tokenizer.json, or empty. Returns the size of the file.
using PutNamedTensor = std::function<void(const std::string& name, const Tensor& tensor)>;
std::int64_t write_quantized_file(const std::filesystem::path& path, const Mamba2Config& config,
                                  const Quantization& quantization, std::string_view tokenizer,
                                  const std::function<void(const PutNamedTensor&)>& produce);

struct QuantizedFile {
  Mamba2Config config;
  Quantization quantization;
  TensorMap tensors;                     // tensors of the layout; views into the file or its copy
  std::optional<std::string> tokenizer;  // text of a tokenizer.json
};

// Whether checksums are verified. `ignored` is for fuzzing, which would never get past them.
enum class Checksums { verified, ignored };

// Maps the file, to look at it. Throws Error that names the file and the field or tensor: another
// format or version, a field that is out of range, the first tensor whose checksum differs.
QuantizedFile read_quantized_file(const std::filesystem::path& path);

// Copies the file to memory, to run the model. The checksums are those of the copy, so later
// changes of the file do not matter. The tensors lie in large pages, each at a multiple of 64
// bytes, in the order of the file except for scales, which follow their codes: a token reads memory
// from front to back.
QuantizedFile load_quantized_file(const std::filesystem::path& path);

// Does the same over bytes in memory that `owner` keeps alive; errors use the name `source`.
QuantizedFile parse_quantized_file(std::span<const std::byte> bytes,
                                   std::shared_ptr<const void> owner, std::string_view source,
                                   Checksums checksums = Checksums::verified);

}  // namespace lightmamba

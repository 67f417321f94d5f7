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

// All tensors of a model but the tokenizer and the checksums, in the order of the file.
std::vector<TensorSpec> quantized_layout(const Mamba2Config& config,
                                         const Quantization& quantization);

// The weights in tensors of that layout. Throws Error naming the tensor that is missing, does not
// fit or is not part of it.
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
  TensorMap tensors;                     // of the layout; views into the file or its copy
  std::optional<std::string> tokenizer;  // text of a tokenizer.json
};

// Whether damage is looked for. `ignored` is for fuzzing, which would never get past it.
enum class Checksums { verified, ignored };

// The file mapped, for those who look at it. Throws Error naming the file and the field or tensor:
// another format or version, a field that is out of range, the first tensor whose checksum differs.
QuantizedFile read_quantized_file(const std::filesystem::path& path);

// The same in memory, for those who run the model. Checksums are of the copy, so nothing that
// happens to the file later matters. The tensors lie in large pages, each at a multiple of 64
// bytes, in the order of the file but for scales, which follow their codes: a token's reads go
// through memory from front to back.
QuantizedFile load_quantized_file(const std::filesystem::path& path);

// The same over bytes in memory that `owner` keeps alive; `source` is the name that errors use.
QuantizedFile parse_quantized_file(std::span<const std::byte> bytes,
                                   std::shared_ptr<const void> owner, std::string_view source,
                                   Checksums checksums = Checksums::verified);

}  // namespace lightmamba

// What a path holds, by how it begins: decided here for all that open files.
#pragma once

#include <filesystem>
#include <string_view>

namespace lightmamba {

enum class FileKind {
  absent,             // nothing is there, or nothing that can be looked at
  directory,          // perhaps a checkpoint
  json,               // begins with a brace, as a tokenizer.json does
  safetensors,        // perhaps a quantized model
  accelerator_image,  // memory of the accelerator
  gguf,
  other,  // a file of another kind, or none that can be looked into twice
};

// With what the file begins.
inline constexpr std::string_view kAcceleratorImageMagic("LMACCEL\0", 8);
inline constexpr std::string_view kGgufMagic("GGUF");

// Throws Error where the file cannot be opened.
FileKind file_kind(const std::filesystem::path& path);

}  // namespace lightmamba

// The kind of file at a path, by how it begins. All code that opens files asks here.
#pragma once

#include <filesystem>
#include <string_view>

namespace lightmamba {

enum class FileKind {
  absent,             // nothing is there, or it cannot be examined
  directory,          // perhaps a checkpoint
  json,               // begins with a brace, as a tokenizer.json does
  safetensors,        // perhaps a quantized model
  accelerator_image,  // memory of the accelerator
  gguf,
  other,  // a file of another kind, or one that can be read only once
};

// The first bytes of such files.
inline constexpr std::string_view kAcceleratorImageMagic("LMACCEL\0", 8);
inline constexpr std::string_view kGgufMagic("GGUF");

// Says what a file of this kind is, for a message that another was expected; empty for the kinds
// that a model may have.
std::string_view what_it_is(FileKind kind);

// Throws Error if the file cannot be opened.
FileKind file_kind(const std::filesystem::path& path);

}  // namespace lightmamba

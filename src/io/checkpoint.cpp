#include "io/checkpoint.h"

#include <set>
#include <string>

#include "base/fail.h"
#include "base/file.h"
#include "io/json.h"
#include "io/pytorch.h"
#include "io/safetensors.h"

namespace lightmamba {
namespace {

namespace fs = std::filesystem;

using TensorReader = TensorMap (*)(const fs::path&);

TensorMap read_safetensors_map(const fs::path& path) { return read_safetensors(path).tensors; }

// Shards: {"weight_map": {tensor name: file name}}, files beside the index.
TensorMap read_shards(const fs::path& index, TensorReader read) {
  const std::string source = index.string();
  const Json json = parse_json(read_text_file(index), source);
  if (!json.is_object() || !json.contains("weight_map") || !json["weight_map"].is_object()) {
    fail("{}: expected an object with an object 'weight_map'", source);
  }
  const Json& weight_map = json["weight_map"];
  std::set<std::string> files;
  for (const auto& item : weight_map.items()) {
    const auto file = json_field<std::string>(weight_map, item.key(), source);
    if (file.empty() || fs::path(file).filename() != file || file == "." || file == "..") {
      fail("{}: tensor '{}': '{}' is not a file name", source, item.key(), file);
    }
    files.insert(file);
  }
  TensorMap tensors;
  for (const std::string& file : files) {
    for (auto& [name, tensor] : read(index.parent_path() / file)) {
      const auto entry = weight_map.find(name);
      if (entry == weight_map.end() || *entry != file) {
        fail("{}: tensor '{}' lies in {}, but the index does not say so", source, name, file);
      }
      tensors.emplace(name, std::move(tensor));
    }
  }
  for (const auto& item : weight_map.items()) {
    if (!tensors.contains(item.key())) {
      fail("{}: tensor '{}' is not in {}", source, item.key(), item.value().get<std::string>());
    }
  }
  return tensors;
}

}  // namespace

Checkpoint open_checkpoint(const fs::path& directory) {
  std::error_code ignored;
  if (!fs::exists(directory, ignored)) fail("{}: no such directory", directory);
  if (!fs::is_directory(directory, ignored)) {
    fail("{}: expected a directory with config.json and weights", directory);
  }
  const fs::path config_file = directory / "config.json";
  ParsedConfig parsed = parse_config(read_text_file(config_file), config_file.string());
  if (const fs::path file = directory / "generation_config.json"; fs::exists(file, ignored)) {
    apply_generation_config(read_text_file(file), file.string(), parsed.config);
  }

  struct Source {
    const char* name;
    TensorReader read;
    bool index;
  };
  static constexpr Source kSources[] = {
      {"model.safetensors", read_safetensors_map, false},
      {"model.safetensors.index.json", read_safetensors_map, true},
      {"pytorch_model.bin", read_pytorch, false},
      {"pytorch_model.bin.index.json", read_pytorch, true},
  };
  for (const Source& source : kSources) {
    const fs::path file = directory / source.name;
    if (!fs::exists(file, ignored)) continue;
    Checkpoint checkpoint{parsed.config,
                          source.index ? read_shards(file, source.read) : source.read(file), file};
    checkpoint.config.tie_embeddings =
        parsed.tie_embeddings.value_or(!checkpoint.tensors.contains("lm_head.weight"));
    return checkpoint;
  }
  fail(
      "{}: no weights: expected model.safetensors or pytorch_model.bin, or the index of their "
      "shards",
      directory);
}

}  // namespace lightmamba

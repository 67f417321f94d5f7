#include "io/checkpoint.h"

#include <set>
#include <string>

#include "base/fail.h"
#include "base/file.h"
#include "base/utf8.h"
#include "io/json.h"
#include "io/pytorch.h"
#include "io/safetensors.h"
#include "io/tensor_names.h"

namespace lightmamba {
namespace {

namespace fs = std::filesystem;

using TensorReader = TensorMap (*)(const fs::path&, std::vector<std::string>* notes);

TensorMap read_safetensors_map(const fs::path& path, std::vector<std::string>* /*notes*/) {
  return read_safetensors(path).tensors;
}

struct Source {
  const char* name;
  TensorReader read;
  bool index;
};
constexpr Source kSources[] = {
    {"model.safetensors", read_safetensors_map, false},
    {"model.safetensors.index.json", read_safetensors_map, true},
    {"pytorch_model.bin", read_pytorch, false},
    {"pytorch_model.bin.index.json", read_pytorch, true},
    {"consolidated.safetensors", read_safetensors_map, false},
    {"consolidated.safetensors.index.json", read_safetensors_map, true},
};

struct Stored {
  TensorMap tensors;
  std::map<std::string, std::string> shards;  // by tensor; empty where there are none
};

// {"weight_map": {tensor name: file name}}, files beside the index.
struct ShardIndex {
  std::map<std::string, std::string> file_of;  // by tensor
  std::set<std::string> files;
};

ShardIndex read_index(const fs::path& path) {
  const std::string source = path.string();
  const Json json = parse_json(read_text_file(path), source);
  if (!json.is_object() || !json.contains("weight_map") || !json["weight_map"].is_object()) {
    fail("{}: expected an object with an object 'weight_map'", source);
  }
  const Json& weight_map = json["weight_map"];
  ShardIndex index;
  for (const auto& item : weight_map.items()) {
    const auto file = json_field<std::string>(weight_map, item.key(), source);
    if (file.empty() || fs::path(file).filename() != file || file == "." || file == "..") {
      fail("{}: tensor '{}': '{}' is not a file name", source, item.key(), file);
    }
    index.file_of.emplace(item.key(), file);
    index.files.insert(file);
  }
  return index;
}

Stored read_shards(const fs::path& path, TensorReader read, std::vector<std::string>* notes) {
  const ShardIndex index = read_index(path);
  Stored stored;
  for (const std::string& file : index.files) {
    for (auto& [name, tensor] : read(path.parent_path() / file, notes)) {
      const auto entry = index.file_of.find(name);
      if (entry == index.file_of.end() || entry->second != file) {
        fail("{}: tensor '{}' lies in {}, but the index does not say so", path, name, file);
      }
      stored.tensors.emplace(name, std::move(tensor));
      stored.shards.emplace(name, file);
    }
  }
  for (const auto& [name, file] : index.file_of) {
    if (!stored.tensors.contains(name)) fail("{}: tensor '{}' is not in {}", path, name, file);
  }
  return stored;
}

void take_tensors(Stored stored, Checkpoint& checkpoint) {
  const std::map<std::string, std::string> names =
      with_context(checkpoint.weights_file.string(), [&] { return plain_names(stored.tensors); });
  for (auto& [name, tensor] : stored.tensors) {
    const std::string& plain = names.at(name);
    const auto shard = stored.shards.find(name);
    if (plain != name || shard != stored.shards.end()) {
      checkpoint.stored_as.emplace(
          plain, StoredAs{name, shard == stored.shards.end() ? std::string() : shard->second});
    }
    checkpoint.tensors.emplace(plain, std::move(tensor));
  }
}

ParsedConfig read_config(const fs::path& directory) {
  const fs::path config = directory / "config.json";
  const fs::path params = directory / "params.json";
  std::error_code ignored;
  if (!fs::exists(config, ignored) && fs::exists(params, ignored)) {
    return parse_params(read_text_file(params), params.string());
  }
  return parse_config(read_text_file(config), config.string());
}

}  // namespace

std::string Checkpoint::describe(std::string_view name) const {
  std::string text = fmt::format("tensor '{}'", name);
  const auto found = stored_as.find(name);
  if (found == stored_as.end()) return text;
  const StoredAs& stored = found->second;
  if (stored.name != name) text += fmt::format(" (stored as '{}')", printable(stored.name));
  if (!stored.file.empty()) text += fmt::format(" in {}", stored.file);
  return text;
}

std::vector<fs::path> checkpoint_files(const fs::path& directory) {
  std::vector<fs::path> files;
  for (const char* name : {"config.json", "params.json", "generation_config.json"}) {
    files.push_back(directory / name);
  }
  for (const Source& source : kSources) {
    files.push_back(directory / source.name);
    std::error_code ignored;
    if (!source.index || !fs::exists(files.back(), ignored)) continue;
    try {
      for (const std::string& file : read_index(files.back()).files) {
        files.push_back(directory / file);
      }
    } catch (const Error&) {  // opening the checkpoint says so, if it reads this index
    }
  }
  return files;
}

Checkpoint open_checkpoint(const fs::path& directory) {
  std::error_code ignored;
  if (!fs::exists(directory, ignored)) fail("{}: no such directory", directory);
  if (!fs::is_directory(directory, ignored)) {
    fail("{}: expected a directory with config.json and weights", directory);
  }
  ParsedConfig parsed = read_config(directory);
  if (const fs::path file = directory / "generation_config.json"; fs::exists(file, ignored)) {
    apply_generation_config(read_text_file(file), file.string(), parsed.config);
  }

  for (const Source& source : kSources) {
    const fs::path file = directory / source.name;
    if (!fs::exists(file, ignored)) continue;
    Checkpoint checkpoint{parsed.config, {}, file, {}, parsed.notes};
    std::vector<std::string>* notes = &checkpoint.notes;
    take_tensors(
        source.index ? read_shards(file, source.read, notes) : Stored{source.read(file, notes), {}},
        checkpoint);
    checkpoint.config.tie_embeddings =
        parsed.tie_embeddings.value_or(!checkpoint.tensors.contains("lm_head.weight"));
    return checkpoint;
  }
  fail(
      "{}: no weights: expected model.safetensors or pytorch_model.bin, the index of their shards, "
      "or consolidated.safetensors",
      directory);
}

}  // namespace lightmamba

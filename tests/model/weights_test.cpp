#include <cstring>
#include <functional>
#include <nlohmann/json.hpp>

#include <lightmamba/load.h>
#include <lightmamba/model.h>

#include "support/errors.h"
#include "support/paths.h"
#include "support/random_model.h"

namespace lightmamba {
namespace {

using nlohmann::json;
using test::error_of;
using ::testing::AllOf;
using ::testing::HasSubstr;

// The message for a good checkpoint whose header or configuration was changed by `edit`.
std::string refusal(const std::function<void(json& header, json& config)>& edit) {
  const test::TemporaryFolder folder;
  const test::RandomModel model({});
  model.write_hugging_face(folder.path());
  const std::string file = test::read_file(folder / "model.safetensors");
  std::uint64_t length = 0;
  std::memcpy(&length, file.data(), sizeof(length));
  json header = json::parse(file.substr(8, length));
  std::string config_text = test::read_file(folder / "config.json");
  config_text.replace(config_text.find("Infinity"), 8, "1e30");
  json config = json::parse(config_text);
  edit(header, config);
  test::write_file(folder / "model.safetensors",
                   test::safetensors_bytes(header.dump(), file.substr(8 + length)));
  test::write_file(folder / "config.json", config.dump());
  return error_of([&] { open_model(folder.path()); });
}

void rename(json& header, const std::string& from, const std::string& to) {
  header[to] = header[from];
  header.erase(from);
}

TEST(Weights, NamesTheTensorThatIsMissing) {
  EXPECT_THAT(refusal([](json& header, json&) {
                rename(header, "backbone.layers.1.mixer.dt_bias", "surprise");
              }),
              AllOf(HasSubstr("model.safetensors"),
                    HasSubstr("tensor 'backbone.layers.1.mixer.dt_bias' is missing")));
  EXPECT_THAT(refusal([](json&, json& config) { config["num_hidden_layers"] = 3; }),
              HasSubstr("'backbone.layers.2.mixer.in_proj.weight' is missing"));
  EXPECT_THAT(refusal([](json&, json& config) { config["tie_word_embeddings"] = false; }),
              HasSubstr("'lm_head.weight' is missing"));
}

TEST(Weights, NamesTensorsThatDoNotBelong) {
  EXPECT_THAT(refusal([](json&, json& config) { config["num_hidden_layers"] = 1; }),
              AllOf(HasSubstr("9 tensors are not part of a Mamba-2 model"),
                    HasSubstr("backbone.layers.1.mixer.A_log")));
}

TEST(Weights, NamesShapesThatDoNotFit) {
  EXPECT_THAT(refusal([](json&, json& config) { config["state_size"] = 32; }),
              AllOf(HasSubstr("backbone.layers.0.mixer.in_proj.weight"),
                    HasSubstr("has shape [134, 24]"), HasSubstr("asks for [166, 24]")));
}

TEST(Weights, NamesTypesThatAreNotFloat) {
  EXPECT_THAT(
      refusal([](json& header, json&) { header["backbone.norm_f.weight"]["dtype"] = "I32"; }),
      HasSubstr("tensor 'backbone.norm_f.weight' is I32, expected F32"));
}

TEST(Checkpoint, NamesWhatTheDirectoryLacks) {
  const test::TemporaryFolder folder;
  EXPECT_THAT(error_of([&] { open_model(folder / "none"); }), HasSubstr("no such directory"));
  EXPECT_THAT(error_of([&] { open_model(folder.path()); }), HasSubstr("config.json: cannot open"));
  test::write_file(folder / "config.json", test::RandomModel({}).hugging_face_config());
  EXPECT_THAT(error_of([&] { open_model(folder.path()); }),
              HasSubstr("no weights: expected model.safetensors or pytorch_model.bin"));
  EXPECT_THAT(error_of([&] { open_model(folder / "config.json"); }),
              HasSubstr("expected a directory"));
}

std::string shard_refusal(const std::function<void(json& index)>& edit) {
  const test::TemporaryFolder folder;
  test::RandomModel({}).write_hugging_face_shards(folder.path());
  const auto file = folder / "model.safetensors.index.json";
  json index = json::parse(test::read_file(file));
  edit(index);
  test::write_file(file, index.dump());
  return error_of([&] { open_model(folder.path()); });
}

TEST(Checkpoint, RefusesAnIndexThatLies) {
  const std::string name = "backbone.norm_f.weight";
  EXPECT_THAT(shard_refusal([&](json& index) { index["weight_map"].erase(name); }),
              HasSubstr("the index does not say so"));
  EXPECT_THAT(
      shard_refusal([&](json& index) { index["weight_map"]["ghost"] = index["weight_map"][name]; }),
      HasSubstr("tensor 'ghost' is not in model-0000"));
  for (const char* bad : {"../model.safetensors", "/etc/passwd", "", ".."}) {
    EXPECT_THAT(shard_refusal([&](json& index) { index["weight_map"][name] = bad; }),
                HasSubstr("is not a file name"));
  }
  EXPECT_THAT(shard_refusal([&](json& index) { index["weight_map"][name] = 3; }),
              HasSubstr("expected a string"));
  EXPECT_THAT(shard_refusal([&](json& index) { index["weight_map"][name] = "a"; }),
              HasSubstr("/a: cannot open"));
  EXPECT_THAT(shard_refusal([&](json& index) { index = 3; }), HasSubstr("'weight_map'"));
}

}  // namespace
}  // namespace lightmamba

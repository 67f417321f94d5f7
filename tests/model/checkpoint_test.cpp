// Checkpoints as other programs write them, against the recurrence in float64.
#include <cmath>
#include <cstring>
#include <limits>
#include <nlohmann/json.hpp>

#include <lightmamba/load.h>
#include <lightmamba/model.h>

#include "support/errors.h"
#include "support/paths.h"
#include "support/quantized.h"
#include "support/random_model.h"
#include "support/torch_writer.h"

namespace lightmamba {
namespace {

using nlohmann::json;
using test::error_of;
using test::RandomModel;
using test::TemporaryFolder;
using test::TorchFile;
using test::TorchOptions;
using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

const std::vector<TokenId> kTokens = {3, 17, 5, 31, 8, 1, 0, 36, 20};

void expect_logits(const Model& model, const RandomModel& reference) {
  const std::vector<float> found = test::prefill_logits(model, kTokens);
  const auto expected = reference.logits(kTokens);
  double scale = 0;
  for (const auto& row : expected) {
    for (const double value : row) scale = std::max(scale, std::abs(value));
  }
  std::size_t i = 0;
  for (const auto& row : expected) {
    for (const double value : row) ASSERT_NEAR(found[i++], value, 2e-5 * scale);
  }
}

json config_of(const RandomModel& model) {
  std::string text = model.hugging_face_config();
  if (const auto at = text.find("Infinity"); at != std::string::npos) text.replace(at, 8, "1e30");
  return json::parse(text);
}

TEST(Checkpoint, ReadsTheEpsilonUnderEveryName) {
  const RandomModel reference({.norm_eps = 0.05});
  for (const char* name : {"layer_norm_epsilon", "norm_eps", "rms_norm_eps", "norm_epsilon",
                           "rms_norm_epsilon", "layer_norm_eps"}) {
    SCOPED_TRACE(name);
    const TemporaryFolder folder;
    reference.write_hugging_face(folder.path());
    json config = config_of(reference);
    config.erase("layer_norm_epsilon");
    config[name] = 0.05;
    test::write_file(folder / "config.json", config.dump());
    expect_logits(open_model(folder.path()), reference);
  }
}

TEST(Checkpoint, ReadsAConfigurationOfFlashLinearAttention) {
  const RandomModel reference({.dt_min = 0.01, .dt_max = 0.2, .norm_eps = 0.02});
  const TemporaryFolder folder;
  reference.write_hugging_face(folder.path());
  json config = config_of(reference);
  config.erase("layer_norm_epsilon");
  config.erase("time_step_limit");
  config.update({{"norm_eps", 0.02},
                 {"dt_limit", {0.01, 0.2}},
                 {"rmsnorm", true},
                 {"fuse_norm", true},
                 {"D_has_hdim", false},
                 {"A_init_range", {1, 16}},
                 {"norm_before_gate", false}});
  test::write_file(folder / "config.json", config.dump());
  expect_logits(open_model(folder.path()), reference);
}

TEST(Checkpoint, AHeadThatIsStoredGoesBeforeTheFlag) {
  const RandomModel untied({.tied = false});
  const TemporaryFolder folder;
  untied.write_hugging_face(folder.path());
  json config = config_of(untied);
  config["tie_word_embeddings"] = true;
  test::write_file(folder / "config.json", config.dump());
  const Model model = open_model(folder.path());
  expect_logits(model, untied);
  EXPECT_FALSE(model.config().tie_embeddings);
  EXPECT_THAT(model.notes(), testing::ElementsAre(AllOf(HasSubstr("model.safetensors"),
                                                        HasSubstr("'lm_head.weight'"),
                                                        HasSubstr("stored head is used"))));
}

TEST(Checkpoint, AHeadThatIsTheEmbeddingStaysTied) {
  const RandomModel tied({});
  const TemporaryFolder folder;
  tied.write_state_spaces(folder.path());
  EXPECT_THAT(open_model(folder.path()).notes(), IsEmpty());
  // A copy with bytes of its own.
  TorchFile file;
  for (const auto& tensor : tied.tensors()) {
    file.add(tensor.name, DType::f32, tensor.shape, tensor.bytes);
  }
  file.add("lm_head.weight", DType::f32, tied.tensors()[0].shape, tied.tensors()[0].bytes);
  file.write(folder / "pytorch_model.bin");
  const Model model = open_model(folder.path());
  EXPECT_TRUE(model.config().tie_embeddings);
  EXPECT_THAT(model.notes(), IsEmpty());
  expect_logits(model, tied);
}

TEST(Checkpoint, ReadsNamesWithWhatWrappersPutAroundThem) {
  const auto prefixed = [](const std::string& prefix) {
    return [prefix](const std::string& name) { return prefix + name; };
  };
  const std::vector<std::function<std::string(const std::string&)>> renamings = {
      prefixed("_orig_mod."),
      prefixed("module."),
      prefixed("model."),
      prefixed("module._orig_mod."),
      prefixed("anything.at.all."),
      // The head beside the model that has the prefix.
      [](const std::string& name) { return name == "lm_head.weight" ? name : "model." + name; },
      // A backbone without its name.
      [](const std::string& name) {
        return name == "lm_head.weight" ? name : name.substr(std::strlen("backbone."));
      },
      // Layers compiled one by one.
      [](const std::string& name) {
        std::string inner = name;
        if (const auto at = inner.find("mixer."); at != std::string::npos) {
          inner.insert(at, "_orig_mod.");
        }
        return inner;
      },
  };
  for (const bool tied : {true, false}) {
    const RandomModel reference({.tied = tied});
    for (const auto& rename : renamings) {
      SCOPED_TRACE(rename("backbone.layers.0.mixer.D"));
      const TemporaryFolder folder;
      test::write_file(folder / "config.json", reference.hugging_face_config());
      test::write_file(folder / "model.safetensors", reference.safetensors(rename));
      expect_logits(open_model(folder.path()), reference);
    }
  }
}

TEST(Checkpoint, MessagesHaveTheNameInTheFile) {
  const RandomModel reference({});
  const TemporaryFolder folder;
  json config = config_of(reference);
  config["state_size"] = 32;
  test::write_file(folder / "config.json", config.dump());
  test::write_file(folder / "model.safetensors",
                   reference.safetensors([](const auto& name) { return "module." + name; }));
  EXPECT_THAT(error_of([&] { open_model(folder.path()); }),
              HasSubstr("tensor 'backbone.layers.0.mixer.in_proj.weight' (stored as "
                        "'module.backbone.layers.0.mixer.in_proj.weight') has shape"));
}

TEST(Checkpoint, ReadsTheConsolidatedWeightsOfCodestral) {
  // The sizes that params.json leaves to the defaults: headdim 64, d_state 128.
  const RandomModel reference({.d_model = 64,
                               .n_layer = 1,
                               .headdim = 64,
                               .d_state = 128,
                               .ngroups = 2,
                               .tied = false,
                               .dtype = DType::bf16});
  const std::string weights =
      reference.safetensors([](const std::string& name) { return "model." + name; });
  const TemporaryFolder folder;
  test::write_file(folder / "consolidated.safetensors", weights);
  EXPECT_THAT(error_of([&] { open_model(folder.path()); }), HasSubstr("config.json: cannot open"));
  const json params = {{"dim", 64},
                       {"n_layers", 1},
                       {"vocab_size", 37},
                       {"n_groups", 2},
                       {"rms_norm", true},
                       {"residual_in_fp32", true},
                       {"fused_add_norm", true},
                       {"pad_vocab_size_multiple", 1},
                       {"tie_embeddings", false},
                       {"model_type", "mamba"}};
  test::write_file(folder / "params.json", params.dump());
  const Model model = open_model(folder.path());
  expect_logits(model, reference);
  EXPECT_EQ(model.config().eos_token_ids, std::vector<TokenId>{2});
  test::write_file(folder / "config.json", reference.hugging_face_config());
  expect_logits(open_model(folder.path()), reference);
}

TEST(Checkpoint, AModelTypeBesideSsmCfgChangesNothing) {
  const RandomModel reference({});
  const TemporaryFolder folder;
  reference.write_state_spaces(folder.path());
  json config = json::parse(reference.state_spaces_config());
  for (const char* type : {"mamba2", "mamba", "mamba_ssm"}) {
    config["model_type"] = type;
    test::write_file(folder / "config.json", config.dump());
    expect_logits(open_model(folder.path()), reference);
  }
}

TEST(Checkpoint, ReadsWhatTrainingScriptsWrite) {
  const RandomModel reference({});
  TorchFile file;
  for (const auto& tensor : reference.tensors()) {
    file.add(tensor.name, DType::f32, tensor.shape, tensor.bytes);
  }
  file.add("rng_state", DType::u8, {16}, std::vector<std::byte>(16));
  file.put_beside();
  const std::vector<TorchOptions> layouts = {
      {.under = "model"},
      {.under = "state_dict"},
      {.under = "model_state_dict"},
      {.under = "module"},
      {.under = "model_state"},
      {.under = "network"},
      {.under = "model", .around = "state"},
      {.under = "model", .also_under = "ema"},
      {.under = "average", .also_under = "state_dict"},
  };
  for (const TorchOptions& layout : layouts) {
    SCOPED_TRACE(layout.around + "/" + layout.under + " " + layout.also_under);
    const TemporaryFolder folder;
    test::write_file(folder / "config.json", reference.hugging_face_config());
    file.write(folder / "pytorch_model.bin", layout);
    const Model model = open_model(folder.path());
    expect_logits(model, reference);
    if (layout.also_under.empty()) {
      EXPECT_THAT(model.notes(), IsEmpty());
      continue;
    }
    const std::string unused = layout.under == "average" ? "average" : layout.also_under;
    EXPECT_THAT(model.notes(), testing::ElementsAre(HasSubstr("pytorch_model.bin: '" + unused +
                                                              "' holds another model")));
  }
  const TemporaryFolder folder;
  test::write_file(folder / "config.json", reference.hugging_face_config());
  file.write(folder / "pytorch_model.bin", {.under = "student", .also_under = "teacher"});
  EXPECT_THAT(error_of([&] { open_model(folder.path()); }),
              HasSubstr("expected one model, found two, under 'student' and 'teacher'"));
}

// The file of a model in which one element of one tensor is not finite.
std::string with_element(const RandomModel& model, const std::string& name, std::size_t element,
                         const std::string& bytes) {
  std::string file = model.safetensors();
  std::uint64_t length = 0;
  std::memcpy(&length, file.data(), sizeof length);
  const json header = json::parse(file.substr(8, length));
  const auto begin = header.at(name).at("data_offsets").at(0).get<std::size_t>();
  file.replace(8 + length + begin + element * bytes.size(), bytes.size(), bytes);
  return file;
}

TEST(Checkpoint, NamesTheElementThatIsNotFiniteInEveryTensor) {
  const float nan = std::numeric_limits<float>::quiet_NaN();
  const std::string bytes(reinterpret_cast<const char*>(&nan), sizeof nan);
  const RandomModel model({.n_layer = 1, .tied = false});
  const TemporaryFolder folder;
  test::write_file(folder / "config.json", model.hugging_face_config());
  for (const auto& tensor : model.tensors()) {
    const std::size_t element = tensor.values.size() - 2;
    test::write_file(folder / "model.safetensors",
                     with_element(model, tensor.name, element, bytes));
    std::string place = std::to_string(tensor.shape.back() - 2);
    if (tensor.shape.size() > 1) {
      place.insert(0, std::to_string(tensor.shape[0] - 1).append(", "));
    }
    if (tensor.shape.size() == 3) place.replace(place.find(','), 1, ", 0,");
    EXPECT_THAT(error_of([&] { open_model(folder.path()); }),
                AllOf(HasSubstr("model.safetensors"), HasSubstr("tensor '" + tensor.name + "'"),
                      HasSubstr("element [" + place + "] is nan, not a finite number")));
  }
  const float infinity = -INFINITY;
  test::write_file(
      folder / "model.safetensors",
      with_element(model, "backbone.layers.0.mixer.D", 0,
                   std::string(reinterpret_cast<const char*>(&infinity), sizeof infinity)));
  EXPECT_THAT(error_of([&] { open_model(folder.path()); }), HasSubstr("element [0] is -inf"));
  const float large = 100;  // as A_log it is a decay of exp(100)
  test::write_file(folder / "model.safetensors",
                   with_element(model, "backbone.layers.0.mixer.A_log", 1,
                                std::string(reinterpret_cast<const char*>(&large), sizeof large)));
  EXPECT_THAT(error_of([&] { open_model(folder.path()); }),
              HasSubstr("A_log': element [1] is 100, whose exponential"));
}

TEST(Checkpoint, NamesTheShardOfATensor) {
  const RandomModel model({});
  const TemporaryFolder folder;
  model.write_hugging_face_shards(folder.path());
  const auto first = folder / "model-00001-of-00003.safetensors";
  std::string file = test::read_file(first);
  const float nan = std::numeric_limits<float>::quiet_NaN();
  file.replace(file.size() - sizeof nan, sizeof nan, reinterpret_cast<const char*>(&nan),
               sizeof nan);
  test::write_file(first, file);
  EXPECT_THAT(
      error_of([&] { open_model(folder.path()); }),
      AllOf(HasSubstr("' in model-00001-of-00003.safetensors: element ["), HasSubstr("is nan")));
}

TEST(Checkpoint, KnowsALargeFileThatWasNotDownloaded) {
  const std::string pointer =
      "version https://git-lfs.github.com/spec/v1\n"
      "oid sha256:4d7a214614ab2935c943f9e0ff69d22eadbb8f32b1258daaa5e2ca24d17e2393\n"
      "size 12345\n";
  for (const char* name : {"model.safetensors", "pytorch_model.bin", "consolidated.safetensors",
                           "model.safetensors.index.json", "config.json"}) {
    const TemporaryFolder folder;
    test::write_file(folder / "config.json", RandomModel({}).hugging_face_config());
    test::write_file(folder / name, pointer);
    EXPECT_THAT(error_of([&] { open_model(folder.path()); }),
                AllOf(HasSubstr(name), HasSubstr("Git LFS pointer"), HasSubstr("not downloaded")));
  }
  const TemporaryFolder folder;
  test::write_file(folder / "model.lm", pointer);
  EXPECT_THAT(error_of([&] { open_model(folder / "model.lm"); }),
              AllOf(HasSubstr("model.lm"), HasSubstr("Git LFS pointer")));
}

}  // namespace
}  // namespace lightmamba

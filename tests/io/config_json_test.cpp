#include "io/config_json.h"

#include <cmath>
#include <nlohmann/json.hpp>

#include "support/errors.h"

namespace lightmamba {
namespace {

using nlohmann::json;
using test::error_of;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

json hugging_face() {
  return {{"model_type", "mamba2"},  {"vocab_size", 50288}, {"hidden_size", 768},
          {"num_hidden_layers", 24}, {"state_size", 128},   {"num_heads", 24},
          {"head_dim", 64},          {"n_groups", 1},       {"expand", 2}};
}

json state_spaces() {
  return {{"d_model", 2560},
          {"n_layer", 64},
          {"vocab_size", 50277},
          {"ssm_cfg", {{"layer", "Mamba2"}}},
          {"attn_layer_idx", json::array()},
          {"pad_vocab_size_multiple", 16},
          {"tie_embeddings", true}};
}

ParsedConfig parse(const json& value) { return parse_config(value.dump(), "config.json"); }

std::string refusal(json value, const std::string& pointer, const json& bad) {
  value[json::json_pointer(pointer)] = bad;
  return error_of([&] { parse(value); });
}

TEST(Config, ReadsTheHuggingFaceLayout) {
  json value = hugging_face();
  value["bos_token_id"] = 0;
  value["eos_token_id"] = 2;
  const ParsedConfig parsed = parse(value);
  const Mamba2Config& c = parsed.config;
  EXPECT_EQ(c.vocab_size, 50288);
  EXPECT_EQ(c.d_inner, 1536);
  EXPECT_EQ(c.conv_dim(), 1792);
  EXPECT_EQ(c.d_in_proj(), 3352);
  EXPECT_THAT(c.eos_token_ids, ElementsAre(2));
  EXPECT_FALSE(parsed.tie_embeddings.has_value());
}

TEST(Config, ReadsTheStateSpacesLayout) {
  const Mamba2Config c = parse(state_spaces()).config;
  EXPECT_EQ(c.vocab_size, 50288);
  EXPECT_EQ(c.d_inner, 5120);
  EXPECT_EQ(c.nheads, 80);
  EXPECT_EQ(c.headdim, 64);
  EXPECT_EQ(c.d_state, 128);
  EXPECT_EQ(c.ngroups, 1);
  EXPECT_EQ(c.dt_max, INFINITY);
}

TEST(Config, TakesFractionalExpansionAndTimeStepLimits) {
  json value = hugging_face();
  value["expand"] = 1.5;
  value["num_heads"] = 18;
  value["time_step_limit"] = {0.001, 0.1};
  const Mamba2Config c = parse(value).config;
  EXPECT_EQ(c.d_inner, 1152);
  EXPECT_FLOAT_EQ(c.dt_min, 0.001F);
  EXPECT_FLOAT_EQ(c.dt_max, 0.1F);
}

TEST(Config, RefusesOtherArchitecturesByName) {
  EXPECT_THAT(refusal(hugging_face(), "/model_type", "mamba"), HasSubstr("Mamba-1"));
  EXPECT_THAT(refusal(hugging_face(), "/model_type", "bamba"), HasSubstr("'bamba'"));
  EXPECT_THAT(refusal(state_spaces(), "/ssm_cfg/layer", "Mamba1"), HasSubstr("found 'Mamba1'"));
  EXPECT_THAT(refusal(state_spaces(), "/ssm_cfg", json::object()), HasSubstr("the default"));
  EXPECT_THAT(refusal(state_spaces(), "/attn_layer_idx", {9, 18}), HasSubstr("2 attention layers"));
  EXPECT_THAT(refusal(state_spaces(), "/d_intermediate", 4096), HasSubstr("MLP"));
  EXPECT_THAT(error_of([] { parse_config("{}", "config.json"); }), HasSubstr("not a Mamba-2"));
}

TEST(Config, RefusesOptionsThatChangeTheComputation) {
  EXPECT_THAT(refusal(hugging_face(), "/use_bias", true), HasSubstr("'use_bias'"));
  EXPECT_THAT(refusal(hugging_face(), "/rms_norm", false), HasSubstr("'rms_norm'"));
  EXPECT_THAT(refusal(hugging_face(), "/hidden_act", "gelu"), HasSubstr("'gelu'"));
  EXPECT_THAT(refusal(hugging_face(), "/quantization_config", {{"bits", 4}}),
              HasSubstr("already quantized"));
  for (const char* name : {"bias", "norm_before_gate", "D_has_hdim"}) {
    EXPECT_THAT(refusal(state_spaces(), std::string("/ssm_cfg/") + name, true), HasSubstr(name));
  }
  EXPECT_THAT(refusal(state_spaces(), "/ssm_cfg/rmsnorm", false), HasSubstr("'rmsnorm'"));
  EXPECT_THAT(refusal(state_spaces(), "/ssm_cfg/d_ssm", 1024), HasSubstr("'d_ssm'"));
  EXPECT_THAT(refusal(state_spaces(), "/ssm_cfg/surprise", 1),
              HasSubstr("'surprise' is not known"));
}

TEST(Config, RefusesImpossibleShapes) {
  EXPECT_THAT(refusal(hugging_face(), "/hidden_size", 0), HasSubstr("'hidden_size'"));
  EXPECT_THAT(refusal(hugging_face(), "/num_hidden_layers", -1), HasSubstr("found -1"));
  EXPECT_THAT(refusal(hugging_face(), "/vocab_size", 1e18), HasSubstr("'vocab_size'"));
  EXPECT_THAT(refusal(hugging_face(), "/num_heads", 25), HasSubstr("num_heads 25"));
  EXPECT_THAT(refusal(hugging_face(), "/n_groups", 5), HasSubstr("into 5 groups"));
  EXPECT_THAT(refusal(hugging_face(), "/expand", 1e300), HasSubstr("'expand'"));
  EXPECT_THAT(refusal(hugging_face(), "/expand", -1), HasSubstr("'expand'"));
  EXPECT_THAT(refusal(hugging_face(), "/layer_norm_epsilon", 0), HasSubstr("epsilon"));
  EXPECT_THAT(refusal(hugging_face(), "/time_step_limit", {1, 0}), HasSubstr("ascending"));
  EXPECT_THAT(refusal(hugging_face(), "/time_step_limit", 3), HasSubstr("ascending"));
  EXPECT_THAT(refusal(hugging_face(), "/hidden_size", "768"), HasSubstr("expected an integer"));
  EXPECT_THAT(refusal(hugging_face(), "/eos_token_id", -3), HasSubstr("not a token id"));
  EXPECT_THAT(refusal(hugging_face(), "/eos_token_id", {"a"}), HasSubstr("'eos_token_id'"));
  EXPECT_THAT(refusal(hugging_face(), "/state_size", 1 << 24), HasSubstr("in_proj would have"));
  EXPECT_THAT(refusal(hugging_face(), "/num_hidden_layers", 1 << 24),
              HasSubstr("the state would have"));
  EXPECT_THAT(refusal(state_spaces(), "/ssm_cfg", 3), HasSubstr("ssm_cfg: expected an object"));
  EXPECT_THAT(refusal(state_spaces(), "/ssm_cfg/headdim", 63), HasSubstr("headdim 63"));
}

TEST(Config, EveryTokenOfAListEndsAText) {
  json value = hugging_face();
  value["eos_token_id"] = {256, 102};
  const Mamba2Config listed = parse(value).config;
  EXPECT_THAT(listed.eos_token_ids, ElementsAre(256, 102));
  EXPECT_TRUE(listed.ends_text(256));
  EXPECT_TRUE(listed.ends_text(102));
  EXPECT_FALSE(listed.ends_text(0));
  value["eos_token_id"] = json::array();
  EXPECT_THAT(parse(value).config.eos_token_ids, IsEmpty());
  value.erase("eos_token_id");
  EXPECT_THAT(parse(value).config.eos_token_ids, IsEmpty());
}

TEST(Config, TheGenerationConfigDecidesWhatEndsAText) {
  const auto ids_with = [](const std::string& text) {
    json value = hugging_face();
    value["eos_token_id"] = 7;
    Mamba2Config config = parse(value).config;
    apply_generation_config(text, "generation_config.json", config);
    return config.eos_token_ids;
  };
  EXPECT_THAT(ids_with(R"({"eos_token_id": [256, 102]})"), ElementsAre(256, 102));
  EXPECT_THAT(ids_with(R"({"eos_token_id": 3, "temperature": 0.6})"), ElementsAre(3));
  EXPECT_THAT(ids_with(R"({"eos_token_id": null})"), ElementsAre(7));
  EXPECT_THAT(ids_with(R"({"_from_model_config": true})"), ElementsAre(7));
  EXPECT_THAT(error_of([&] { ids_with(R"({"eos_token_id": "x"})"); }),
              HasSubstr("generation_config.json: field 'eos_token_id'"));
  EXPECT_THAT(error_of([&] { ids_with("[]"); }),
              HasSubstr("generation_config.json: expected an object"));
}

TEST(Config, IsWrittenAndReadBack) {
  Mamba2Config base = parse(hugging_face()).config;
  base.tie_embeddings = false;
  std::vector<Mamba2Config> configs(9, base);
  configs[1].d_inner = 1152;  // 1.5 times
  configs[1].nheads = 18;
  configs[2].dt_min = 0.001F;
  configs[2].dt_max = 0.1F;
  configs[3].bos_token_id = 0;
  configs[3].eos_token_ids = {50287};
  configs[4].tie_embeddings = true;
  configs[4].conv_bias = false;
  configs[5].norm_eps = 3e-6F;
  configs[5].d_conv = 2;
  configs[6].ngroups = 8;
  configs[6].d_state = 64;
  configs[7].dt_min = 0.3F;
  configs[8].eos_token_ids = {256, 102};
  EXPECT_EQ(base.dt_max, INFINITY);
  for (const Mamba2Config& config : configs) {
    SCOPED_TRACE(config_json(config));
    const ParsedConfig parsed = parse_config(config_json(config), "config.json");
    EXPECT_EQ(parsed.tie_embeddings, config.tie_embeddings);
    Mamba2Config found = parsed.config;
    found.tie_embeddings = config.tie_embeddings;
    EXPECT_EQ(found, config);
    EXPECT_TRUE(json::accept(config_json(config)));
  }
}

TEST(Config, EveryFractionalExpansionIsReadBack) {
  Mamba2Config config = parse(hugging_face()).config;
  config.headdim = 1;
  for (config.d_model = 1; config.d_model < 120; config.d_model += 7) {
    for (config.d_inner = 1; config.d_inner < 400; ++config.d_inner) {
      config.nheads = config.d_inner;
      ASSERT_EQ(parse_config(config_json(config), "config.json").config.d_inner, config.d_inner)
          << config.d_model;
    }
  }
}

}  // namespace
}  // namespace lightmamba

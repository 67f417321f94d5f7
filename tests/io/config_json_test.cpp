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

TEST(Config, RefusesWhatNoTensorTells) {
  for (const char* name : {"rmsnorm", "rms_norm", "dt_softplus"}) {
    for (const json& base : {hugging_face(), state_spaces()}) {
      EXPECT_THAT(refusal(base, std::string("/") + name, false), HasSubstr(name));
    }
  }
  for (const char* name : {"use_bias", "bias", "D_has_hdim", "use_mamba2_bias", "bidirectional",
                           "is_encoder_decoder", "add_cross_attention"}) {
    EXPECT_THAT(refusal(hugging_face(), std::string("/") + name, true), HasSubstr(name));
  }
  EXPECT_THAT(refusal(hugging_face(), "/pruned_heads", {{"3", {1, 2}}}), HasSubstr("pruned heads"));
  EXPECT_THAT(refusal(hugging_face(), "/mamba2_num_heads", 12), HasSubstr("'mamba2_num_heads'"));
  for (const char* name : {"embedding_multiplier", "residual_multiplier", "logits_scaling"}) {
    EXPECT_THAT(refusal(hugging_face(), std::string("/") + name, 2), HasSubstr(name));
  }
  EXPECT_THAT(refusal(hugging_face(), "/activation", "gelu"), HasSubstr("'activation': 'gelu'"));
  EXPECT_THAT(refusal(hugging_face(), "/final_logit_softcapping", 30), HasSubstr("capped logits"));
  EXPECT_THAT(refusal(hugging_face(), "/attn", {{"layers", {3}}}), HasSubstr("attention layers"));
  EXPECT_THAT(refusal(hugging_face(), "/attention_layers_idx", {3}),
              HasSubstr("1 attention layers"));
  EXPECT_THAT(refusal(hugging_face(), "/mlp_intermediate_size", 64), HasSubstr("MLP layers"));
  EXPECT_THAT(refusal(hugging_face(), "/intermediate_size", 3072),
              HasSubstr("'intermediate_size': 3072"));
  // flash-linear-attention reads the field; transformers does not.
  json fla = hugging_face();
  fla["norm_before_gate"] = true;
  EXPECT_EQ(parse(fla).config.d_inner, 1536);
  EXPECT_THAT(refusal(fla, "/rmsnorm", true), HasSubstr("'norm_before_gate'"));
}

TEST(Config, NamesFieldsThatAreNotKnown) {
  for (json value : {hugging_face(), state_spaces()}) {
    value["initializer_range"] = 0.1;
    value["temperature"] = 0.7;
    value["architectures"] = {"Mamba2ForCausalLM"};
    value["unknown_but_null"] = nullptr;
    EXPECT_THAT(parse(value).notes, IsEmpty());
    value["warp_factor"] = 9;
    value["gate\n"] = {{"kind", "tanh"}};
    EXPECT_THAT(
        parse(value).notes,
        ElementsAre(AllOf(HasSubstr("config.json"), HasSubstr("warp_factor"), HasSubstr("gate?"))));
  }
  // Each layout has names that the other does not.
  json value = hugging_face();
  value["pad_vocab_size_multiple"] = 16;
  EXPECT_THAT(parse(value).notes, ElementsAre(HasSubstr("pad_vocab_size_multiple")));
  value = state_spaces();
  value["state_size"] = 64;
  EXPECT_THAT(parse(value).notes, ElementsAre(HasSubstr("state_size")));
}

TEST(Config, TakesTokenIdsInTheStateSpacesLayout) {
  json value = state_spaces();
  EXPECT_EQ(parse(value).config.bos_token_id, 0);
  EXPECT_THAT(parse(value).config.eos_token_ids, ElementsAre(0));
  value["bos_token_id"] = 5;
  value["eos_token_id"] = {2, 7};
  EXPECT_EQ(parse(value).config.bos_token_id, 5);
  EXPECT_THAT(parse(value).config.eos_token_ids, ElementsAre(2, 7));
}

TEST(Config, TakesNeutralValuesOfWhatItRefuses) {
  json value = hugging_face();
  const ParsedConfig expected = parse(value);
  value.update({{"rmsnorm", true},
                {"use_bias", false},
                {"attn", nullptr},
                {"attention_layers_idx", json::array()},
                {"mlp_intermediate_size", 0},
                {"intermediate_size", 1536},
                {"logits_scaling", 1.0},
                {"final_logit_softcapping", nullptr},
                {"residual_in_fp32", false},
                {"chunk_size", 64},
                {"time_step_min", 0.5},
                {"dt_max", 0.5},
                {"A_init_range", {2, 3}},
                {"anything_else", {1, 2}}});
  EXPECT_EQ(parse(value).config, expected.config);
}

TEST(Config, NamesForOneThingMustAgree) {
  json value = hugging_face();
  value["norm_eps"] = 0.01;
  value["layer_norm_epsilon"] = 0.01;
  EXPECT_FLOAT_EQ(parse(value).config.norm_eps, 0.01F);
  EXPECT_THAT(refusal(value, "/rms_norm_eps", 0.02),
              HasSubstr("'layer_norm_epsilon' and 'rms_norm_eps' mean the same"));
  EXPECT_THAT(refusal(hugging_face(), "/norm_eps", -1), HasSubstr("'norm_eps': -1"));
  EXPECT_THAT(refusal(hugging_face(), "/ngroups", 2), HasSubstr("'n_groups' and 'ngroups'"));
  value = hugging_face();
  value.erase("n_groups");
  value.erase("state_size");
  value["ngroups"] = 2;
  value["d_state"] = 64;
  EXPECT_EQ(parse(value).config.ngroups, 2);
  EXPECT_EQ(parse(value).config.d_state, 64);
}

TEST(Config, SsmCfgDecidesTheLayout) {
  json value = state_spaces();
  value["model_type"] = "mamba2";
  EXPECT_EQ(parse(value).config.d_inner, 5120);
  value["hidden_size"] = 2560;
  EXPECT_EQ(parse(value).config.d_inner, 5120);
  EXPECT_THAT(refusal(value, "/hidden_size", 768), HasSubstr("'hidden_size': 768"));
  // As transformers writes Mamba-1 models that it has converted.
  EXPECT_THAT(error_of([] {
                parse({{"model_type", "mamba"},
                       {"hidden_size", 768},
                       {"d_model", 768},
                       {"ssm_cfg", json::object()}});
              }),
              HasSubstr("Mamba-1"));
  // mamba_ssm reads neither from there.
  EXPECT_THAT(refusal(state_spaces(), "/norm_epsilon", 0.05), HasSubstr("epsilon of 0.05"));
  EXPECT_THAT(refusal(state_spaces(), "/dt_limit", {0, 1}), HasSubstr("within ssm_cfg"));
  value = state_spaces();
  value["norm_epsilon"] = 1e-5;
  EXPECT_EQ(parse(value).config.d_inner, 5120);
}

TEST(Config, ReadsParamsOfMistral) {
  const json params = {{"dim", 4096},
                       {"n_layers", 64},
                       {"vocab_size", 32768},
                       {"n_groups", 8},
                       {"rms_norm", true},
                       {"residual_in_fp32", true},
                       {"fused_add_norm", true},
                       {"pad_vocab_size_multiple", 1},
                       {"tie_embeddings", false},
                       {"model_type", "mamba"}};
  const auto read = [](const json& value) { return parse_params(value.dump(), "params.json"); };
  const auto refused = [&](const std::string& name, const json& bad) {
    json value = params;
    value[name] = bad;
    return error_of([&] { read(value); });
  };
  const ParsedConfig parsed = read(params);
  const Mamba2Config& c = parsed.config;
  EXPECT_EQ(c.d_model, 4096);
  EXPECT_EQ(c.n_layer, 64);
  EXPECT_EQ(c.vocab_size, 32768);
  EXPECT_EQ(c.d_inner, 8192);
  EXPECT_EQ(c.nheads, 128);
  EXPECT_EQ(c.ngroups, 8);
  EXPECT_EQ(parsed.tie_embeddings, false);
  EXPECT_THAT(refused("model_type", "transformer"), HasSubstr("found 'transformer'"));
  EXPECT_THAT(refused("rms_norm", false), HasSubstr("'rms_norm'"));
  EXPECT_THAT(refused("hidden_dim", 14336), HasSubstr("'hidden_dim' is not known"));
  EXPECT_THAT(refused("n_groups", 3), HasSubstr("into 3 groups"));
  EXPECT_THAT(refused("dim", 16), HasSubstr("a config.json can give others): headdim 64"));
  json value = params;
  value.erase("n_groups");
  EXPECT_THAT(error_of([&] { read(value); }), HasSubstr("missing field 'n_groups'"));
  value = params;
  value.erase("model_type");
  EXPECT_THAT(error_of([&] { read(value); }), HasSubstr("(the default)"));
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
  EXPECT_THAT(refusal(hugging_face(), "/time_step_limit", {1e39, 1e40}),
              HasSubstr("field 'time_step_limit': 1e+39 is beyond what a float holds"));
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

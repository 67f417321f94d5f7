#include "io/config_json.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <initializer_list>
#include <limits>
#include <set>
#include <string>

#include "base/fail.h"
#include "base/utf8.h"
#include "io/harmless_fields.h"
#include "io/json.h"

namespace lightmamba {
namespace {

constexpr std::int64_t kLargestDimension = std::int64_t{1} << 24;

// One object of a config file, with the name that errors use. It remembers which fields were asked
// for.
class Fields {
 public:
  Fields(const Json& object, std::string_view source) : object_(object), source_(source) {}

  bool has(std::string_view name) const {
    asked_.emplace(name);
    const auto found = object_.find(name);
    return found != object_.end() && !found->is_null();
  }
  template <typename T>
  T get(std::string_view name) const {
    asked_.emplace(name);
    return json_field<T>(object_, name, source_);
  }
  template <typename T>
  T get_or(std::string_view name, T fallback) const {
    asked_.emplace(name);
    return json_field_or<T>(object_, name, fallback, source_);
  }
  std::int64_t dimension(std::string_view name) const {
    const auto value = get<std::int64_t>(name);
    if (value < 1 || value > kLargestDimension) {
      fail("{}: field '{}': expected 1 to {}, found {}", source_, name, kLargestDimension, value);
    }
    return value;
  }
  std::int64_t dimension_or(std::string_view name, std::int64_t fallback) const {
    return has(name) ? dimension(name) : fallback;
  }
  // Returns the one of several names for one thing that is there, or the first if none is. If
  // several are there, they must have the same value.
  std::string_view name_of(std::initializer_list<std::string_view> names) const {
    std::string_view found;
    for (const std::string_view name : names) {
      if (!has(name)) continue;
      if (!found.empty() && at(name) != at(found)) {
        fail("{}: fields '{}' and '{}' mean the same, but one is {} and the other {}", source_,
             found, name, shown(at(found)), shown(at(name)));
      }
      if (found.empty()) found = name;
    }
    return found.empty() ? *names.begin() : found;
  }
  std::int64_t dimension_or(std::initializer_list<std::string_view> names,
                            std::int64_t fallback) const {
    return dimension_or(name_of(names), fallback);
  }
  // Refuses a value that would change the computation.
  void require(std::string_view name, bool only) const {
    if (has(name) && get<bool>(name) != only) {
      fail("{}: field '{}': {} is not supported, expected {}", source_, name, !only, only);
    }
  }
  // Does the same for layers of another kind, given as a list or by a property.
  void require_none(std::string_view name, std::string_view what) const {
    if (!has(name)) return;
    const Json& value = at(name);
    const bool is_off =
        value.is_boolean() ? !value.get<bool>() : value.is_number() && value.get<double>() == 0;
    if (value.is_structured() ? value.empty() : is_off) return;
    if (value.is_array()) {
      fail("{}: field '{}': {} {}: hybrid models are not supported", source_, name, value.size(),
           what);
    }
    fail("{}: field '{}': {}: models with {} are not supported", source_, name, shown(value), what);
  }
  static std::string shown(const Json& value) {
    return printable(value.dump(-1, ' ', false, Json::error_handler_t::replace));
  }
  const Json& at(std::string_view name) const { return *object_.find(name); }
  const Json& all() const { return object_; }
  std::string_view source() const { return source_; }
  void ignore(std::string_view name) const { asked_.emplace(name); }
  // The fields with a value that were never read and are not known to be harmless.
  std::vector<std::string> unknown() const {
    std::vector<std::string> names;
    for (const auto& item : object_.items()) {
      if (item.value().is_null() || asked_.contains(item.key())) continue;
      if (!is_harmless_field(item.key())) names.push_back(item.key());
    }
    return names;
  }

 private:
  const Json& object_;
  std::string_view source_;
  mutable std::set<std::string, std::less<>> asked_;
};

constexpr float kUsualEpsilon = 1e-5F;

float read_epsilon(const Fields& fields) {
  const std::string_view name =
      fields.name_of({"layer_norm_epsilon", "norm_eps", "rms_norm_eps", "norm_epsilon",
                      "rms_norm_epsilon", "layer_norm_eps"});
  if (!fields.has(name)) return kUsualEpsilon;
  const auto epsilon = static_cast<float>(fields.get<double>(name));
  if (!(epsilon > 0) || !std::isfinite(epsilon)) {
    fail("{}: field '{}': {} is not a positive number", fields.source(), name, epsilon);
  }
  return epsilon;
}

void read_dt_limits(const Fields& fields, std::string_view name, Mamba2Config& config) {
  if (!fields.has(name)) return;
  const Json& limits = fields.at(name);
  if (!limits.is_array() || limits.size() != 2 || !limits[0].is_number() ||
      !limits[1].is_number() || !(limits[0].get<double>() >= 0) ||
      !(limits[0].get<double>() <= limits[1].get<double>())) {
    fail("{}: field '{}': expected two ascending numbers from 0, found {}", fields.source(), name,
         limits.dump());
  }
  if (limits[0].get<double>() > static_cast<double>(std::numeric_limits<float>::max())) {
    fail("{}: field '{}': {} is beyond what a float holds", fields.source(), name,
         limits[0].dump());
  }
  config.dt_min = limits[0].get<float>();
  config.dt_max = limits[1].get<float>();
}

// Returns one id or a list of them; none if the field is absent.
std::vector<TokenId> token_ids(const Fields& fields, std::string_view name) {
  if (!fields.has(name)) return {};
  const std::vector<std::int64_t> values = fields.at(name).is_array()
                                               ? json_integers(fields.all(), name, fields.source())
                                               : std::vector{fields.get<std::int64_t>(name)};
  std::vector<TokenId> ids;
  for (const std::int64_t value : values) {
    if (value < 0 || value > kLargestDimension) {
      fail("{}: field '{}': {} is not a token id", fields.source(), name, value);
    }
    ids.push_back(static_cast<TokenId>(value));
  }
  return ids;
}

std::optional<TokenId> token_id(const Fields& fields, std::string_view name) {
  const std::vector<TokenId> ids = token_ids(fields, name);
  return ids.empty() ? std::nullopt : std::optional(ids.front());
}

// Checks whether fields fit together, and whether their shape can be computed with. Must be called
// before any sum of the configuration is used.
void check_shape(const Mamba2Config& config, std::string_view source) {
  if (config.nheads % config.ngroups != 0) {
    fail("{}: {} heads cannot be divided into {} groups (n_groups, ngroups)", source, config.nheads,
         config.ngroups);
  }
  if (config.d_in_proj() > kLargestDimension) {
    fail("{}: in_proj would have {} rows, expected at most {}", source, config.d_in_proj(),
         kLargestDimension);
  }
  constexpr double kLargestState = 0x1p32;
  const auto real = [](std::int64_t value) { return static_cast<double>(value); };
  const double state = real(config.n_layer) * (real(config.d_inner) * real(config.d_state) +
                                               real(config.d_conv) * real(config.conv_dim()));
  if (state > kLargestState) {
    fail("{}: the state would have {:.3g} numbers, expected at most {:.3g}", source, state,
         kLargestState);
  }
}

// d_inner = expand * d_model, where expand may be a fraction such as 1.5.
std::int64_t expanded(const Fields& fields, std::int64_t d_model) {
  const double d_inner = fields.get_or<double>("expand", 2.0) * static_cast<double>(d_model);
  if (!(d_inner >= 1) || d_inner > static_cast<double>(kLargestDimension)) {
    fail("{}: field 'expand': expand x {} = {}, expected 1 to {}", fields.source(), d_model,
         d_inner, kLargestDimension);
  }
  return static_cast<std::int64_t>(d_inner);
}

void require_silu(const Fields& fields, std::string_view name) {
  const auto activation = fields.get_or<std::string>(name, "silu");
  if (activation != "silu" && activation != "swish") {
    fail("{}: field '{}': '{}' is not supported, expected 'silu'", fields.source(), name,
         printable(activation));
  }
}

// Refuses, in any layout, fields whose effect no tensor shows, or shows less clearly.
void refuse_other_computations(const Fields& fields) {
  for (const char* name : {"quantization_config", "quantization"}) {
    if (fields.has(name)) {
      fail("{}: field '{}': the weights are already quantized; a float checkpoint is needed",
           fields.source(), name);
    }
  }
  for (const char* name : {"use_bias", "use_mamba2_bias", "bias", "D_has_hdim", "bidirectional",
                           "is_encoder_decoder", "add_cross_attention"}) {
    fields.require(name, false);
  }
  for (const char* name : {"rms_norm", "rmsnorm", "dt_softplus"}) fields.require(name, true);
  for (const char* name : {"hidden_act", "activation"}) require_silu(fields, name);
  for (const char* name : {"attn_layer_idx", "attention_layers_idx", "attn_layers"}) {
    if (fields.has(name) && !fields.at(name).is_array()) {
      fail("{}: field '{}': expected an array", fields.source(), name);
    }
    fields.require_none(name, "attention layers");
  }
  fields.require_none("attn", "attention layers");
  fields.require_none("pruned_heads", "pruned heads");
  for (const char* name : {"d_intermediate", "mlp_intermediate_size"}) {
    fields.require_none(name, "MLP layers");
  }
  for (const char* name : {"logit_softcapping", "final_logit_softcapping", "logits_soft_cap"}) {
    fields.require_none(name, "capped logits");
  }
  for (const char* name : {"embedding_multiplier", "residual_multiplier", "lm_head_multiplier",
                           "logits_scaling", "logit_scale"}) {
    if (fields.has(name) && fields.get<double>(name) != 1) {
      fail("{}: field '{}': {} is not supported, expected 1", fields.source(), name,
           fields.get<double>(name));
    }
  }
}

// Checks a width that follows from others.
void check_width(const Fields& fields, std::string_view name, std::int64_t expected) {
  if (const std::int64_t found = fields.dimension_or(name, expected); found != expected) {
    fail("{}: field '{}': {} is not supported, expected {} as the other sizes have it",
         fields.source(), name, found, expected);
  }
}

std::optional<bool> read_tie(const Fields& fields) {
  const std::string_view name =
      fields.name_of({"tie_word_embeddings", "tie_embeddings", "tie_embedding_weights"});
  if (!fields.has(name)) return std::nullopt;
  return fields.get<bool>(name);
}

// Reads the layout of transformers, or that of flash-linear-attention, whose fields are named
// norm_eps, rmsnorm and dt_limit.
ParsedConfig parse_hugging_face(const Fields& fields) {
  const auto model_type = fields.get<std::string>("model_type");
  if (model_type == "mamba" || model_type == "falcon_mamba") {
    fail("{}: model_type '{}' is a Mamba-1 model; only Mamba-2 ('mamba2') is supported",
         fields.source(), model_type);
  }
  if (model_type != "mamba2") {
    fail("{}: model_type '{}' is not supported, expected 'mamba2'", fields.source(),
         printable(model_type));
  }
  refuse_other_computations(fields);
  // transformers does not know this field, and Codestral's configuration has it set all the same.
  fields.ignore("norm_before_gate");
  if (fields.has("rmsnorm") || fields.has("dt_limit")) fields.require("norm_before_gate", false);

  ParsedConfig parsed;
  Mamba2Config& config = parsed.config;
  config.vocab_size = fields.dimension("vocab_size");
  config.d_model = fields.dimension(fields.name_of({"hidden_size", "d_model"}));
  config.n_layer = fields.dimension(fields.name_of({"num_hidden_layers", "n_layer"}));
  config.d_state = fields.dimension_or({"state_size", "d_state", "ssm_state_size"}, 128);
  config.headdim = fields.dimension_or({"head_dim", "headdim", "mamba2_head_dim"}, 64);
  config.d_inner = expanded(fields, config.d_model);
  config.nheads = fields.dimension_or({"num_heads", "nheads", "mamba2_num_heads"},
                                      config.d_inner / config.headdim);
  if (config.nheads * config.headdim != config.d_inner) {
    fail("{}: num_heads {} x head_dim {} is not expand x hidden_size = {}", fields.source(),
         config.nheads, config.headdim, config.d_inner);
  }
  for (const char* name : {"d_inner", "intermediate_size", "d_ssm"}) {
    check_width(fields, name, config.d_inner);
  }
  config.ngroups = fields.dimension_or({"n_groups", "ngroups"}, 1);
  config.d_conv = fields.dimension_or({"conv_kernel", "d_conv", "mamba2_conv_kernel"}, 4);
  config.conv_bias = fields.get_or<bool>(fields.name_of({"use_conv_bias", "conv_bias"}), true);
  config.norm_eps = read_epsilon(fields);
  read_dt_limits(fields, fields.name_of({"time_step_limit", "dt_limit"}), config);
  config.bos_token_id = token_id(fields, "bos_token_id");
  config.eos_token_ids = token_ids(fields, "eos_token_id");
  parsed.tie_embeddings = read_tie(fields);
  return parsed;
}

// The options of mamba_ssm's Mamba2 module. Those marked as having no effect concern training or
// the choice among equivalent implementations.
void read_ssm_cfg(const Fields& fields, Mamba2Config& config) {
  static constexpr std::array kNoEffect = {"A_init_range",     "dt_min",           "dt_max",
                                           "dt_init_floor",    "chunk_size",       "conv_init",
                                           "use_mem_eff_path", "sequence_parallel"};
  static constexpr std::array kRead = {"layer",    "d_state",    "headdim", "expand",
                                       "d_ssm",    "ngroups",    "d_conv",  "conv_bias",
                                       "rmsnorm",  "D_has_hdim", "bias",    "norm_before_gate",
                                       "dt_limit", "activation"};
  const auto known = [](const auto& names, const std::string& key) {
    return std::find(names.begin(), names.end(), key) != names.end();
  };
  for (const auto& item : fields.all().items()) {
    if (!known(kNoEffect, item.key()) && !known(kRead, item.key())) {
      fail("{}: field '{}' is not known", fields.source(), printable(item.key()));
    }
  }
  const auto layer = fields.get_or<std::string>("layer", "Mamba1");
  if (layer != "Mamba2") {
    fail("{}: field 'layer': expected 'Mamba2', found '{}'{}", fields.source(), layer,
         fields.has("layer") ? "" : " (the default)");
  }
  fields.require("rmsnorm", true);
  fields.require("D_has_hdim", false);
  fields.require("bias", false);
  fields.require("norm_before_gate", false);
  require_silu(fields, "activation");
  config.d_state = fields.dimension_or("d_state", 128);
  config.headdim = fields.dimension_or("headdim", 64);
  config.d_inner = expanded(fields, config.d_model);
  if (fields.dimension_or("d_ssm", config.d_inner) != config.d_inner) {
    fail("{}: field 'd_ssm': expected {}, all of the inner width", fields.source(), config.d_inner);
  }
  if (config.d_inner % config.headdim != 0) {
    fail("{}: headdim {} does not divide the inner width {}", fields.source(), config.headdim,
         config.d_inner);
  }
  config.nheads = config.d_inner / config.headdim;
  config.ngroups = fields.dimension_or("ngroups", 1);
  config.d_conv = fields.dimension_or("d_conv", 4);
  config.conv_bias = fields.get_or<bool>("conv_bias", true);
  read_dt_limits(fields, "dt_limit", config);
}

std::int64_t padded(std::int64_t vocab_size, std::int64_t multiple) {
  return (vocab_size + multiple - 1) / multiple * multiple;
}

ParsedConfig parse_state_spaces(const Fields& fields) {
  refuse_other_computations(fields);
  fields.ignore("model_type");
  ParsedConfig parsed;
  Mamba2Config& config = parsed.config;
  config.d_model = fields.dimension("d_model");
  config.n_layer = fields.dimension("n_layer");
  check_width(fields, "hidden_size", config.d_model);
  check_width(fields, "num_hidden_layers", config.n_layer);
  config.vocab_size =
      padded(fields.dimension("vocab_size"), fields.dimension_or("pad_vocab_size_multiple", 8));
  const std::string source = fmt::format("{}: ssm_cfg", fields.source());
  const Json none = Json::object();
  const Json& ssm_cfg = fields.has("ssm_cfg") ? fields.at("ssm_cfg") : none;
  if (!ssm_cfg.is_object()) fail("{}: expected an object, found {}", source, json_kind(ssm_cfg));
  read_ssm_cfg(Fields(ssm_cfg, source), config);
  // mamba_ssm takes neither from here: its norms always have this epsilon.
  if (const float epsilon = read_epsilon(fields); epsilon != kUsualEpsilon) {
    fail("{}: an epsilon of {} is not supported in the state-spaces layout, expected {}",
         fields.source(), epsilon, kUsualEpsilon);
  }
  for (const char* name : {"time_step_limit", "dt_limit"}) {
    if (fields.has(name)) fail("{}: field '{}': expected within ssm_cfg", fields.source(), name);
  }
  // These models are trained with the GPT-NeoX tokenizer, whose <|endoftext|> is 0.
  config.bos_token_id = token_id(fields, "bos_token_id").value_or(0);
  config.eos_token_ids = token_ids(fields, "eos_token_id");
  if (config.eos_token_ids.empty()) config.eos_token_ids = {0};
  parsed.tie_embeddings = read_tie(fields).value_or(true);
  return parsed;
}

// Whether an ssm_cfg and a d_model say the layout, whatever a model_type beside them says.
bool is_state_spaces(const Fields& fields) {
  if (!fields.has("d_model")) return false;
  if (!fields.has("model_type") || !fields.has("hidden_size")) return true;
  return fields.has("ssm_cfg") && fields.at("ssm_cfg").is_object() &&
         fields.at("ssm_cfg").contains("layer");
}

Json parse_object(std::string_view text, std::string_view source) {
  Json json = parse_json(text, source);
  if (!json.is_object()) fail("{}: expected an object, found {}", source, json_kind(json));
  return json;
}

}  // namespace

ParsedConfig parse_config(std::string_view text, std::string_view source) {
  const Json json = parse_object(text, source);
  const Fields fields(json, source);
  ParsedConfig parsed;
  if (is_state_spaces(Fields(json, source))) {
    parsed = parse_state_spaces(fields);
  } else if (fields.has("model_type")) {
    parsed = parse_hugging_face(fields);
  } else {
    fail(
        "{}: neither 'model_type' (Hugging Face layout) nor 'd_model' (state-spaces layout) is "
        "there: not a Mamba-2 configuration",
        source);
  }
  check_shape(parsed.config, source);
  if (const std::vector<std::string> unknown = fields.unknown(); !unknown.empty()) {
    parsed.notes.push_back(fmt::format("{}: ignored fields that are not known: {}", source,
                                       printable(fmt::format("{}", fmt::join(unknown, ", ")))));
  }
  return parsed;
}

// mistral-inference makes a mamba_ssm model of these fields, with the defaults of its Mamba2.
ParsedConfig parse_params(std::string_view text, std::string_view source) {
  const Json json = parse_object(text, source);
  const Fields fields(json, source);
  static constexpr std::array<std::string_view, 10> kKnown = {"dim",
                                                              "n_layers",
                                                              "vocab_size",
                                                              "n_groups",
                                                              "rms_norm",
                                                              "residual_in_fp32",
                                                              "fused_add_norm",
                                                              "pad_vocab_size_multiple",
                                                              "tie_embeddings",
                                                              "model_type"};
  if (const auto type = fields.get_or<std::string>("model_type", "transformer"); type != "mamba") {
    fail("{}: field 'model_type': expected 'mamba', found '{}'{}", source, printable(type),
         fields.has("model_type") ? "" : " (the default)");
  }
  for (const auto& item : json.items()) {
    if (std::ranges::find(kKnown, item.key()) == kKnown.end()) {
      fail("{}: field '{}' is not known", source, printable(item.key()));
    }
  }
  fields.require("rms_norm", true);
  ParsedConfig parsed;
  Mamba2Config& config = parsed.config;
  config.d_model = fields.dimension("dim");
  config.n_layer = fields.dimension("n_layers");
  config.vocab_size =
      padded(fields.dimension("vocab_size"), fields.dimension_or("pad_vocab_size_multiple", 1));
  const Json ssm_cfg = {{"layer", "Mamba2"}, {"ngroups", fields.dimension("n_groups")}};
  read_ssm_cfg(
      Fields(ssm_cfg,
             fmt::format("{}: with mamba_ssm's defaults for all sizes that are not here (a "
                         "config.json can give others)",
                         source)),
      config);
  // <s> and </s> of Mistral's tokenizers.
  config.bos_token_id = 1;
  config.eos_token_ids = {2};
  parsed.tie_embeddings = read_tie(fields);
  check_shape(config, source);
  return parsed;
}

void apply_generation_config(std::string_view text, std::string_view source, Mamba2Config& config) {
  const Json json = parse_json(text, source);
  if (!json.is_object()) fail("{}: expected an object, found {}", source, json_kind(json));
  const Fields fields(json, source);
  constexpr std::string_view kField = "eos_token_id";
  if (fields.has(kField)) config.eos_token_ids = token_ids(fields, kField);
}

std::string config_json(const Mamba2Config& config) {
  nlohmann::ordered_json json = {
      {"model_type", "mamba2"},
      {"vocab_size", config.vocab_size},
      {"hidden_size", config.d_model},
      {"num_hidden_layers", config.n_layer},
      {"state_size", config.d_state},
      {"num_heads", config.nheads},
      {"head_dim", config.headdim},
      {"n_groups", config.ngroups},
      {"conv_kernel", config.d_conv},
      {"use_conv_bias", config.conv_bias},
      {"tie_word_embeddings", config.tie_embeddings},
      {"layer_norm_epsilon", config.norm_eps},
  };
  if (config.d_inner % config.d_model == 0) {
    json["expand"] = config.d_inner / config.d_model;
  } else {
    json["expand"] =
        (static_cast<double>(config.d_inner) + 0.5) / static_cast<double>(config.d_model);
  }
  const auto number = [](float value) {
    return std::isinf(value) ? nlohmann::ordered_json{{"__float__", "Infinity"}}
                             : nlohmann::ordered_json(value);
  };
  json["time_step_limit"] = {number(config.dt_min), number(config.dt_max)};
  if (config.bos_token_id) json["bos_token_id"] = *config.bos_token_id;
  if (config.eos_token_ids.size() == 1) {
    json["eos_token_id"] = config.eos_token_ids.front();
  } else if (!config.eos_token_ids.empty()) {
    json["eos_token_id"] = config.eos_token_ids;
  }
  return json.dump();
}

}  // namespace lightmamba

// The configuration files of the layouts that Mamba-2 models are published in.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <lightmamba/config.h>

namespace lightmamba {

struct ParsedConfig {
  Mamba2Config config;
  // The value in the file; if there is none, the presence of lm_head.weight decides.
  std::optional<bool> tie_embeddings;
  std::vector<std::string> notes = {};  // see Model::notes()
};

// Reads the text of a config.json: the Mamba2Config of Hugging Face or flash-linear-attention, or
// mamba_ssm's MambaConfig. Throws Error naming the field for anything malformed, and for every
// option that would change the computation and is not implemented: Mamba-1, attention layers, MLPs,
// other norms, biases. A note names the other fields that are not known to be harmless.
// docs/checkpoints.md lists the fields.
ParsedConfig parse_config(std::string_view text, std::string_view source);

// Reads the text of a params.json, as Mistral publishes Codestral Mamba with consolidated weights.
ParsedConfig parse_params(std::string_view text, std::string_view source);

// Reads the text of a generation_config.json, which transformers' generate() follows: its
// eos_token_id, one id or a list, takes the place of that of config.json. Where it has none, that
// of config.json stays. All else in it is ignored. Throws Error naming the field.
void apply_generation_config(std::string_view text, std::string_view source, Mamba2Config& config);

// The configuration in Hugging Face's layout: parse_config gives back the same.
std::string config_json(const Mamba2Config& config);

}  // namespace lightmamba

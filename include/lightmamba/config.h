// The architecture of a Mamba-2 language model.
#pragma once

#include <algorithm>
#include <cstdint>
#include <limits>
#include <optional>
#include <vector>

namespace lightmamba {

using TokenId = std::int32_t;

// Names and defaults follow mamba_ssm's Mamba2 module (Dao and Gu, "Transformers are SSMs", 2024).
struct Mamba2Config {
  std::int64_t vocab_size = 0;  // rows of the embedding, padding included
  std::int64_t d_model = 0;
  std::int64_t n_layer = 0;
  std::int64_t d_inner = 0;  // = nheads * headdim
  std::int64_t nheads = 0;
  std::int64_t headdim = 64;
  std::int64_t d_state = 128;
  std::int64_t ngroups = 1;  // heads in a group share B and C; the gated norm works per group
  std::int64_t d_conv = 4;
  bool conv_bias = true;
  bool tie_embeddings = true;  // the LM head is the embedding
  float norm_eps = 1e-5F;
  float dt_min = 0.0F;  // time_step_limit: bounds of dt after softplus
  float dt_max = std::numeric_limits<float>::infinity();
  std::optional<TokenId> bos_token_id;
  std::vector<TokenId> eos_token_ids;  // each of them ends a text

  std::int64_t conv_dim() const { return d_inner + 2 * ngroups * d_state; }  // x, B, C
  std::int64_t d_in_proj() const { return d_inner + conv_dim() + nheads; }   // z, x, B, C, dt
  std::int64_t heads_per_group() const { return nheads / ngroups; }
  bool ends_text(TokenId id) const {
    return std::find(eos_token_ids.begin(), eos_token_ids.end(), id) != eos_token_ids.end();
  }
  // Number of elements in each part of a State.
  std::int64_t conv_state_elements() const { return n_layer * (d_conv - 1) * conv_dim(); }
  std::int64_t state_elements() const { return n_layer * nheads * headdim * d_state; }

  bool operator==(const Mamba2Config&) const = default;
};

}  // namespace lightmamba

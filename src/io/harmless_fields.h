// Fields of a config.json that are known not to change the results of a Mamba-2 model, so they are
// ignored without a note.
#pragma once

#include <algorithm>
#include <array>
#include <string_view>

namespace lightmamba {

inline constexpr std::array<std::string_view, 83> kHarmlessFields = {
    // How a model is initialised before it is trained.
    "initializer_range", "initializer_cfg", "emb_initializer_range", "conv_initializer_range",
    "A_initializer_range", "A_init_range", "conv_init", "rescale_prenorm_residual", "dt_min",
    "dt_max", "dt_init_floor", "time_step_rank", "time_step_min", "time_step_max",
    "time_step_floor", "time_step_scale", "time_step_init_scheme",
    // The choice among equivalent implementations, and of the type that they compute in.
    "chunk_size", "use_mem_eff_path", "fuse_norm", "fused_add_norm", "fuse_cross_entropy",
    "fuse_linear_cross_entropy", "use_l2warp", "use_cache", "use_mambapy", "use_associative_scan",
    "use_bfloat16", "residual_in_fp32", "torch_dtype", "dtype", "torchscript", "return_dict",
    "output_hidden_states", "output_attentions", "chunk_size_feed_forward",
    "gradient_checkpointing",
    // The length of the training text; a recurrence has no limit of its own.
    "max_position_embeddings", "max_sequence_length",
    // Properties of layers of other kinds; the fields that ask for such layers are refused.
    "attn_cfg", "attention_conv_kernel", "attention_head_dim", "attention_num_heads",
    "attention_num_key_value_heads", "use_attention_qkv_bias", "use_attention_out_bias",
    "use_mlp_bias", "mlp_padding_size", "rope_emb_dim", "rope_theta", "rope_scaling",
    "cross_attention_hidden_size", "is_decoder", "tie_encoder_decoder", "decoder_start_token_id",
    // Names and notes.
    "architectures", "_name_or_path", "_commit_hash", "transformers_version",
    "_attn_implementation_autoset", "tokenizer_class", "finetuning_task", "task_specific_params",
    "id2label", "label2id", "num_labels", "problem_type", "pad_token_id", "sep_token_id",
    // Settings of generation, for which a program has options of its own.
    "max_length", "min_length", "do_sample", "early_stopping", "num_beams", "temperature", "top_k",
    "top_p", "typical_p", "repetition_penalty", "length_penalty", "num_return_sequences",
    "output_scores", "return_dict_in_generate"};

inline bool is_harmless_field(std::string_view name) {
  return std::find(kHarmlessFields.begin(), kHarmlessFields.end(), name) != kHarmlessFields.end();
}

}  // namespace lightmamba

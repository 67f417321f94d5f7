// One token through the whole network (docs/memory-map.md): the core without its memory ports.
// Streams of weights, parameters, conv states and SSM states come in the order of use and return in
// it.
//
//   records --- param_reader --- token_sequencer --- counters
//
//   embedding -> residual_path -> projection -+-> dt, blocks -> mixer -> y -> gated_path -+
//                     ^               ^       +-> z --------------------------^           |
//                     |               |       +-> logits ---> logit_unit                  |
//                     +--- updates ---|-------+                                           |
//                                     +------------------- rotated -----------------------+
module lm_core #(
    parameter int unsigned ROWS = 2,             // of the matrix unit, a power of two
    parameter int unsigned COLUMNS = 32,
    parameter int unsigned USE_DSP = 1,
    parameter int unsigned WEIGHT_CHANNELS = 1,
    parameter int unsigned Z_STREAM = 0,         // 1: the sums of z have a stream of their own
    parameter int unsigned SSM_LANES = 4,
    parameter int unsigned SSM_UNITS = 1,        // that share the lanes
    parameter int unsigned STATE_CHANNELS = 1,
    parameter int unsigned MIX_LANES = 2,        // of the Hadamard transform
    parameter int unsigned OUT_LANES = 1,
    parameter int unsigned MAX_D_MODEL = 2560,
    parameter int unsigned MAX_HEADS = 80,
    parameter int unsigned MAX_M = 40,
    parameter int unsigned QUEUE_DEPTH = 256,    // of x and z; in the checkpoint's order d_inner
    parameter int unsigned CHECKPOINT_ORDER = 0,       // of the rows of in_proj; an ablation
    localparam int unsigned WEIGHT_BITS = 4 * ROWS * COLUMNS / WEIGHT_CHANNELS,
    localparam int unsigned STATE_WORD_BITS = SSM_LANES * lightmamba_pkg::STATE_BITS
) (
    input  logic clk_i,
    input  logic rst_ni,

    input  logic            start_i,
    input  logic [15:0]     position_i,
    input  logic            run_lm_head_i,
    input  logic            write_logits_i,
    input  logic            writes_drained_i,  // memory has all that was given to it
    output logic            done_o,            // a pulse
    output logic [1:0]      errors_o,          // no image; a shape or an order not of this core
    output logic [31:0]     next_token_o,
    output logic [31:0]     next_logit_o,
    output logic [8*64-1:0] counters_o,

    // What the streams of a token are made of, when the header is known.
    output logic                  header_done_o,
    output lm_types_pkg::header_t header_o,
    output logic [31:0]           weight_words_o,

    input  logic [WEIGHT_CHANNELS-1:0] weights_valid_i,
    output logic [WEIGHT_CHANNELS-1:0] weights_ready_o,
    input  logic [WEIGHT_CHANNELS*WEIGHT_BITS-1:0] weights_i,
    input  logic                       params_valid_i,
    output logic                       params_ready_o,
    input  logic [127:0]               params_i,
    input  logic                       conv_state_valid_i,
    output logic                       conv_state_ready_o,
    input  logic [63:0]                conv_state_i,
    output logic                       conv_state_valid_o,  // and logits after all conv states
    input  logic                       conv_state_ready_i,
    output logic [63:0]                conv_state_o,
    input  logic [SSM_UNITS-1:0]       state_valid_i,
    output logic [SSM_UNITS-1:0]       state_ready_o,
    input  logic [STATE_WORD_BITS-1:0] state_i,
    output logic [SSM_UNITS-1:0]       state_valid_o,
    input  logic [SSM_UNITS-1:0]       state_ready_i,
    output logic [STATE_WORD_BITS-1:0] state_o
);
  localparam int unsigned HEADDIM = 64;
  localparam int unsigned MAX_GROUPS = MAX_HEADS * HEADDIM / lightmamba_pkg::GROUP;

  lm_types_pkg::control_t control;
  lm_types_pkg::header_t header;
  lm_types_pkg::layer_scalars_t scalars;
  lm_types_pkg::mmu_activity_t mmu_activity;
  lm_types_pkg::ssm_activity_t ssm_activity;
  logic header_done, is_no_image, is_too_large, is_running, is_loaded, logits_done;
  logic scalars_ready, scalars_taken, signs_write;
  logic [$clog2(MAX_M)-1:0] signs_address;
  logic [15:0] d_inner, dither;

  // Streams.
  logic embedding_valid, embedding_ready, head_valid, head_ready;
  logic conv_valid, conv_ready, gain_valid, gain_ready;
  logic residual_valid, residual_ready, residual_sum_valid, residual_sum_ready;
  logic rotated_valid, rotated_ready, gated_sum_valid, gated_sum_ready;
  logic block_valid, block_ready, dt_valid, dt_ready;
  logic update_valid, update_ready, logit_valid, logit_ready;
  logic y_valid, y_ready, z_valid, z_ready, new_conv_state_valid, logits_valid, logits_ready;
  logic signed [lightmamba_pkg::RESIDUAL_BITS-1:0] residual, update;
  logic [63:0] residual_sum, gated_sum, new_conv_state, logits;
  logic [OUT_LANES*lightmamba_pkg::ROTATED_BITS-1:0] rotated;
  logic signed [lightmamba_pkg::DT_BITS-1:0] dt;
  logic signed [lightmamba_pkg::LOGIT_BITS-1:0] logit;
  logic signed [lightmamba_pkg::OUTPUT_BITS-1:0] y;
  lm_types_pkg::bfp8_t block, z;

  assign header_o       = header;
  assign header_done_o  = header_done && !is_no_image && !is_too_large;
  assign weight_words_o = run_lm_head_i ? header.weight_words : header.weight_words_without_lm_head;
  assign d_inner        = header.nheads << $clog2(HEADDIM);

  lm_param_reader #(
      .MAX_D_MODEL(MAX_D_MODEL), .MAX_HEADS(MAX_HEADS), .MAX_M(MAX_M), .OUT_LANES(OUT_LANES),
      .QUEUE_DEPTH(QUEUE_DEPTH), .CHECKPOINT_ORDER(CHECKPOINT_ORDER)
  ) u_param_reader (
      .clk_i, .rst_ni, .start_i,
      .valid_i(params_valid_i), .ready_o(params_ready_o), .record_i(params_i),
      .header_done_o(header_done), .is_no_image_o(is_no_image), .is_too_large_o(is_too_large),
      .header_o(header),
      .scalars_ready_i(scalars_ready), .scalars_taken_o(scalars_taken), .scalars_o(scalars),
      .signs_write_o(signs_write), .signs_address_o(signs_address),
      .embedding_valid_o(embedding_valid), .embedding_ready_i(embedding_ready),
      .head_valid_o(head_valid), .head_ready_i(head_ready),
      .conv_valid_o(conv_valid), .conv_ready_i(conv_ready),
      .gain_valid_o(gain_valid), .gain_ready_i(gain_ready)
  );

  lm_token_sequencer u_token_sequencer (
      .clk_i, .rst_ni, .start_i, .position_i, .run_lm_head_i, .writes_drained_i, .done_o, .errors_o,
      .is_running_o(is_running),
      .header_done_i(header_done), .is_no_image_i(is_no_image), .is_too_large_i(is_too_large),
      .n_layer_i(header.n_layer),
      .scalars_ready_o(scalars_ready), .scalars_taken_i(scalars_taken),
      .is_loaded_i(is_loaded), .logits_done_i(logits_done),
      .control_o(control), .dither_o(dither)
  );

  lm_residual_path #(
      .MAX_D_MODEL(MAX_D_MODEL)
  ) u_residual_path (
      .clk_i, .rst_ni,
      .set_i(control.set_residual), .d_model_i(header.d_model),
      .embedding_shift_i(header.embedding_shift), .epsilon_i(header.epsilon),
      .record_valid_i(embedding_valid), .record_ready_o(embedding_ready), .record_i(params_i),
      .update_valid_i(update_valid), .update_ready_o(update_ready), .update_i(update),
      .residual_valid_o(residual_valid), .residual_ready_i(residual_ready), .residual_o(residual),
      .sum_valid_o(residual_sum_valid), .sum_ready_i(residual_sum_ready), .sum_o(residual_sum)
  );

  lm_projection #(
      .ROWS(ROWS), .COLUMNS(COLUMNS), .USE_DSP(USE_DSP), .WEIGHT_CHANNELS(WEIGHT_CHANNELS),
      .Z_STREAM(Z_STREAM), .OUT_LANES(OUT_LANES), .MAX_GROUPS(MAX_GROUPS),
      .CHECKPOINT_ORDER(CHECKPOINT_ORDER)
  ) u_projection (
      .clk_i, .rst_ni, .start_i,
      .control_i(control), .scalars_i(scalars), .vocab_size_i(header.vocab_size),
      .nheads_i(header.nheads), .d_model_i(header.d_model), .d_inner_i(d_inner),
      .residual_fraction_bits_i(header.residual_fraction_bits),
      .is_loaded_o(is_loaded), .activity_o(mmu_activity),
      .weights_valid_i, .weights_ready_o, .weights_i,
      .residual_valid_i(residual_valid), .residual_ready_o(residual_ready), .residual_i(residual),
      .residual_sum_valid_i(residual_sum_valid), .residual_sum_ready_o(residual_sum_ready),
      .residual_sum_i(residual_sum),
      .rotated_valid_i(rotated_valid), .rotated_ready_o(rotated_ready), .rotated_i(rotated),
      .gated_sum_valid_i(gated_sum_valid), .gated_sum_ready_o(gated_sum_ready),
      .gated_sum_i(gated_sum),
      .block_valid_o(block_valid), .block_ready_i(block_ready), .block_o(block),
      .z_valid_o(z_valid), .z_ready_i(z_ready), .z_o(z),
      .dt_valid_o(dt_valid), .dt_ready_i(dt_ready), .dt_o(dt),
      .update_valid_o(update_valid), .update_ready_i(update_ready), .update_o(update),
      .logit_valid_o(logit_valid), .logit_ready_i(logit_ready), .logit_o(logit)
  );

  lm_mixer #(
      .SSM_LANES(SSM_LANES), .SSM_UNITS(SSM_UNITS), .STATE_CHANNELS(STATE_CHANNELS),
      .MAX_HEADS(MAX_HEADS), .QUEUE_DEPTH(QUEUE_DEPTH), .CHECKPOINT_ORDER(CHECKPOINT_ORDER)
  ) u_mixer (
      .clk_i, .rst_ni,
      .control_i(control), .d_inner_i(d_inner), .dither_i(dither), .dt_limits_i(header.dt_limits),
      .has_short_state_i(header.has_short_state),
      .activity_o(ssm_activity), .record_i(params_i),
      .head_record_valid_i(head_valid), .head_record_ready_o(head_ready),
      .conv_record_valid_i(conv_valid), .conv_record_ready_o(conv_ready),
      .dt_valid_i(dt_valid), .dt_ready_o(dt_ready), .dt_i(dt),
      .block_valid_i(block_valid), .block_ready_o(block_ready), .block_i(block),
      .conv_state_valid_i, .conv_state_ready_o, .conv_state_i,
      .conv_state_valid_o(new_conv_state_valid), .conv_state_ready_i,
      .conv_state_o(new_conv_state),
      .state_valid_i, .state_ready_o, .state_i, .state_valid_o, .state_ready_i, .state_o,
      .y_valid_o(y_valid), .y_ready_i(y_ready), .y_o(y)
  );

  lm_gated_path #(
      .MAX_M(MAX_M), .MIX_LANES(MIX_LANES), .OUT_LANES(OUT_LANES), .QUEUE_DEPTH(QUEUE_DEPTH)
  ) u_gated_path (
      .clk_i, .rst_ni,
      .control_i(control), .d_inner_i(d_inner), .epsilon_i(header.gated_epsilon),
      .hadamard_m_i($clog2(MAX_M + 1)'(header.hadamard_m)),
      .log2_hadamard_n_i(header.log2_hadamard_n[2:0]),
      .record_i(params_i), .signs_write_i(signs_write), .signs_address_i(signs_address),
      .gain_record_valid_i(gain_valid), .gain_record_ready_o(gain_ready),
      .y_valid_i(y_valid), .y_ready_o(y_ready), .y_i(y),
      .z_valid_i(z_valid), .z_ready_o(z_ready), .z_i(z),
      .rotated_valid_o(rotated_valid), .rotated_ready_i(rotated_ready), .rotated_o(rotated),
      .sum_valid_o(gated_sum_valid), .sum_ready_i(gated_sum_ready), .sum_o(gated_sum)
  );

  lm_logit_unit #(
      .COUNT_BITS(20)
  ) u_logits (
      .clk_i, .rst_ni,
      .start_i(control.lm_head_start), .write_logits_i, .count_i(header.vocab_size[19:0]),
      .in_valid_i(logit_valid), .in_ready_o(logit_ready), .in_logit_i(logit),
      .out_valid_o(logits_valid), .out_ready_i(logits_ready), .out_pair_o(logits),
      .done_o(logits_done), .token_o(next_token_o), .logit_o(next_logit_o)
  );

  // All conv states are out before the first logit is in.
  assign conv_state_valid_o = new_conv_state_valid || logits_valid;
  assign conv_state_o       = new_conv_state_valid ? new_conv_state : logits;
  assign logits_ready       = conv_state_ready_i && !new_conv_state_valid;

  lm_counters u_counters (
      .clk_i, .start_i, .is_running_i(is_running), .mmu_i(mmu_activity), .ssm_i(ssm_activity),
      .counters_o
  );
endmodule

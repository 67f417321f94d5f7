// One token through the whole network (docs/memory-map.md): the core without its memory ports. Streams
// of weights, parameters, conv windows and states come in the order of use and go back in it.
//
// A token is a chain of products on the matrix unit: for each layer in_proj with the residual and
// out_proj with what the heads made of it, then the head. Each begins when its input has been
// quantized; everything between is driven by the data.
module lm_core #(
    parameter int unsigned ROWS = 2,             // of the matrix unit, a power of two
    parameter int unsigned COLUMNS = 32,
    parameter int unsigned USE_DSP = 1,
    parameter int unsigned WEIGHT_CHANNELS = 1,
    parameter int unsigned SSM_LANES = 4,
    parameter int unsigned STATE_CHANNELS = 1,
    parameter int unsigned MIX_LANES = 2,        // of the Hadamard transform
    parameter int unsigned OUT_LANES = 1,
    parameter int unsigned MAX_D_MODEL = 2560,
    parameter int unsigned MAX_HEADS = 80,
    parameter int unsigned MAX_M = 40,
    parameter int unsigned QUEUE_DEPTH = 256,    // of x and z; in the checkpoint's order d_inner
    localparam int unsigned WEIGHT_BITS = 4 * ROWS * COLUMNS / WEIGHT_CHANNELS,
    localparam int unsigned STATE_WORD_BITS = SSM_LANES * lightmamba_pkg::STATE_BITS
) (
    input  logic                     clk_i,
    input  logic                     rst_ni,

    input  logic                     start_i,
    input  logic [15:0]              position_i,
    input  logic                     run_lm_head_i,
    input  logic                     write_logits_i,
    input  logic                     writes_drained_i,  // memory has all that was given to it
    output logic                     done_o,        // a pulse
    output logic [1:0]               errors_o,      // no image; a shape beyond this core's
    output logic [31:0]              next_token_o,
    output logic [31:0]              next_logit_o,
    output logic [8*64-1:0]          counters_o,

    // What the streams of a token are made of, when the header is known.
    output logic                     header_done_o,
    output logic [15:0]              n_layer_o,
    output logic [15:0]              nheads_o,
    output logic [31:0]              vocab_size_o,
    output logic [31:0]              weight_words_o,
    output logic [31:0]              param_records_o,
    output logic [31:0]              embedding_records_o,

    input  logic [WEIGHT_CHANNELS-1:0]             weights_valid_i,
    output logic [WEIGHT_CHANNELS-1:0]             weights_ready_o,
    input  logic [WEIGHT_CHANNELS*WEIGHT_BITS-1:0] weights_i,
    input  logic                     params_valid_i,
    output logic                     params_ready_o,
    input  logic [127:0]             params_i,
    input  logic                     conv_state_valid_i,
    output logic                     conv_state_ready_o,
    input  logic [63:0]              conv_state_i,
    output logic                     conv_state_valid_o,  // and logits after all windows
    input  logic                     conv_state_ready_i,
    output logic [63:0]              conv_state_o,
    input  logic                     state_valid_i,
    output logic                     state_ready_o,
    input  logic [STATE_WORD_BITS-1:0] state_i,
    output logic                     state_valid_o,
    input  logic                     state_ready_i,
    output logic [STATE_WORD_BITS-1:0] state_o
);
  localparam int unsigned HEADDIM = 64;
  localparam int unsigned D_STATE = 128;
  localparam int unsigned GROUP = lightmamba_pkg::GROUP;
  localparam int unsigned SUM_BITS = lightmamba_pkg::ACCUMULATOR_BITS;
  localparam int unsigned EXPONENT_BITS = lightmamba_pkg::EXPONENT_BITS;
  localparam int unsigned ROOT_BITS = lightmamba_pkg::ROOT_BITS;
  localparam int unsigned RESIDUAL_BITS = lightmamba_pkg::RESIDUAL_BITS;
  localparam int unsigned GATED_BITS = lightmamba_pkg::GATED_BITS;
  localparam int unsigned GAINED_BITS = lightmamba_pkg::GAINED_BITS;
  localparam int unsigned ROTATED_BITS = lightmamba_pkg::ROTATED_BITS;
  localparam int unsigned MAX_GROUPS = MAX_HEADS * HEADDIM / GROUP;
  localparam int unsigned GROUPS_BITS = $clog2(MAX_GROUPS + 1);
  localparam int unsigned ROW_BITS = $clog2(ROWS);
  localparam int unsigned COUNT_BITS = 20;  // of rows
  localparam int unsigned TILE_BITS = COUNT_BITS - ROW_BITS;
  localparam int unsigned BEATS = GROUP / COLUMNS;
  localparam int unsigned MMU_GROUP_BITS = $clog2(MAX_GROUPS);
  localparam int unsigned MMU_WORD_BITS = $clog2(MAX_GROUPS * BEATS);
  localparam int unsigned STATE_BEAT_BITS = $clog2(D_STATE / SSM_LANES);
  localparam int unsigned M_BITS = $clog2(MAX_M + 1);
  localparam int unsigned BC_CODES = 2 * D_STATE;
  localparam logic signed [7:0] FIXED_POINT = -8'(lightmamba_pkg::FRACTION_BITS);

  // The token's course.
  typedef enum logic [3:0] {
    IDLE,
    HEADER,
    LOAD_EMBEDDING,
    START_IN,
    LOAD_GATED,
    START_OUT,
    LOAD_RESIDUAL,
    START_LM_HEAD,
    LOGITS,
    WRITE
  } state_t;

  state_t state_q, state_d;
  logic [15:0] layer_q;
  logic [15:0] layer_dither_q, position_dither_q;
  logic is_in_q, is_lm_head_q;  // the product whose sums come
  logic product_start, load_start, load_done, root_done_q, bank_q;
  logic needs_scalars_q, scalars_taken_q;
  logic is_last_layer, is_bad_header;

  // Parameters.
  logic header_done, is_no_image, is_too_large, is_checkpoint_order;
  logic [15:0] nheads, d_model, d_inner;
  // Within bounds, as the header has been checked.
  // verilator lint_off UNUSEDSIGNAL
  logic [15:0] m;
  logic [7:0] log2_n;
  // verilator lint_on UNUSEDSIGNAL
  logic [7:0] min_mantissa, min_exponent, max_mantissa, max_exponent;
  logic [7:0] residual_fraction_bits, embedding_shift, in_exponent, out_exponent;
  logic [15:0] in_clip, out_clip;
  logic [31:0] all_weight_words, weight_words_without_lm_head;
  logic [63:0] epsilon, gated_epsilon;
  logic scalars_taken, signs_write;
  logic [$clog2(MAX_M)-1:0] signs_address;
  logic embedding_record_valid, embedding_record_ready, head_record_valid, head_record_ready;
  logic conv_record_valid, conv_record_ready, gain_record_valid, gain_record_ready;

  lm_param_reader #(
      .MAX_D_MODEL(MAX_D_MODEL),
      .MAX_HEADS  (MAX_HEADS),
      .MAX_M      (MAX_M),
      .OUT_LANES  (OUT_LANES),
      .QUEUE_DEPTH(QUEUE_DEPTH)
  ) u_param_reader (
      .clk_i,
      .rst_ni,
      .start_i,
      .valid_i                 (params_valid_i),
      .ready_o                 (params_ready_o),
      .record_i                  (params_i),
      .header_done_o           (header_done),
      .is_no_image_o           (is_no_image),
      .is_too_large_o          (is_too_large),
      .n_layer_o,
      .nheads_o                (nheads),
      .d_model_o               (d_model),
      .m_o                     (m),
      .log2_n_o                (log2_n),
      .is_checkpoint_order_o   (is_checkpoint_order),
      .vocab_size_o,
      .weight_words_o          (all_weight_words),
      .weight_words_without_lm_head_o (weight_words_without_lm_head),
      .param_records_o,
      .embedding_records_o,
      .epsilon_o               (epsilon),
      .gated_epsilon_o         (gated_epsilon),
      .min_mantissa_o        (min_mantissa),
      .min_exponent_o        (min_exponent),
      .max_mantissa_o         (max_mantissa),
      .max_exponent_o         (max_exponent),
      .residual_fraction_bits_o(residual_fraction_bits),
      .embedding_shift_o       (embedding_shift),
      .scalars_ready_i         (needs_scalars_q),
      .scalars_taken_o         (scalars_taken),
      .in_clip_o               (in_clip),
      .in_exponent_o           (in_exponent),
      .out_clip_o              (out_clip),
      .out_exponent_o          (out_exponent),
      .signs_write_o           (signs_write),
      .signs_address_o         (signs_address),
      .embedding_valid_o       (embedding_record_valid),
      .embedding_ready_i       (embedding_record_ready),
      .head_valid_o            (head_record_valid),
      .head_ready_i            (head_record_ready),
      .conv_valid_o            (conv_record_valid),
      .conv_ready_i            (conv_record_ready),
      .gain_valid_o            (gain_record_valid),
      .gain_ready_i            (gain_record_ready)
  );

  assign is_bad_header  = is_no_image || is_too_large;
  assign header_done_o  = header_done && !is_bad_header;
  assign nheads_o       = nheads;
  assign weight_words_o = run_lm_head_i ? all_weight_words : weight_words_without_lm_head;
  assign d_inner        = nheads << $clog2(HEADDIM);
  assign is_last_layer  = layer_q == n_layer_o - 16'd1;

  logic logits_done;

  always_comb begin
    state_d        = state_q;
    load_start    = 1'b0;
    product_start = 1'b0;
    case (state_q)
      IDLE: if (start_i) state_d = HEADER;
      HEADER: begin
        if (header_done) state_d = is_bad_header ? WRITE : LOAD_EMBEDDING;
        load_start = header_done_o;
      end
      LOAD_EMBEDDING: if (load_done && root_done_q) state_d = START_IN;
      START_IN: begin
        product_start = 1'b1;
        state_d        = LOAD_GATED;
      end
      LOAD_GATED: begin
        // The layer's scalars have to be there first.
        load_start = scalars_taken_q;
        if (!needs_scalars_q && !scalars_taken_q && load_done && root_done_q) state_d = START_OUT;
      end
      START_OUT: begin
        product_start = 1'b1;
        load_start    = 1'b1;
        state_d        = LOAD_RESIDUAL;
      end
      LOAD_RESIDUAL: begin
        if (load_done && root_done_q) begin
          if (!is_last_layer) state_d = START_IN;
          else state_d = run_lm_head_i ? START_LM_HEAD : WRITE;
        end
      end
      START_LM_HEAD: begin
        product_start = 1'b1;
        state_d        = LOGITS;
      end
      LOGITS: if (logits_done) state_d = WRITE;
      WRITE: if (writes_drained_i) state_d = IDLE;
      default: state_d = IDLE;
    endcase
  end

  always_ff @(posedge clk_i) begin
    if (!rst_ni) state_q <= IDLE;
    else state_q <= state_d;
    done_o <= rst_ni && state_q == WRITE && writes_drained_i;

    scalars_taken_q <= rst_ni && scalars_taken;
    if (!rst_ni) needs_scalars_q <= 1'b0;
    else needs_scalars_q <= state_q == START_IN || (needs_scalars_q && !scalars_taken);

    if (!rst_ni || start_i) begin
      errors_o <= '0;
    end else if (state_q == HEADER && header_done) begin
      errors_o <= {is_too_large && !is_no_image, is_no_image};
    end
    if (start_i) begin
      layer_q              <= '0;
      bank_q               <= 1'b0;
      layer_dither_q    <= '0;
      position_dither_q <= position_i * 16'd49471;
    end
    if (state_q == LOAD_RESIDUAL && state_d != LOAD_RESIDUAL) begin
      layer_q           <= layer_q + 16'd1;
      layer_dither_q <= layer_dither_q + 16'd20021;
    end
    if (product_start) begin
      bank_q    <= ~bank_q;
      is_in_q   <= state_q == START_IN;
      is_lm_head_q <= state_q == START_LM_HEAD;
    end
  end

  // The residual and the vectors of the matrix unit.
  logic embedded_valid, embedded_ready, residual_in_valid, residual_in_ready;
  logic residual_valid, residual_ready, residual_last, residual_fire, residual_squares_ready;
  logic residual_load_ready, fixed_valid, fixed_ready, adds_residual;
  logic signed [RESIDUAL_BITS-1:0] embedded, residual_in, residual, update;
  logic rotated_valid, rotated_ready;
  logic [OUT_LANES*ROTATED_BITS-1:0] rotated;

  lm_embedding_unit u_embedding (
      .clk_i,
      .rst_ni,
      .shift_i     (embedding_shift),
      .record_valid_i(embedding_record_valid),
      .record_ready_o(embedding_record_ready),
      .record_i      (params_i),
      .out_valid_o (embedded_valid),
      .out_ready_i (embedded_ready),
      .out_value_o (embedded)
  );

  assign adds_residual     = state_q != LOAD_EMBEDDING;
  assign residual_in_valid = adds_residual ? fixed_valid && !is_in_q && !is_lm_head_q : embedded_valid;
  assign residual_in       = adds_residual ? update : embedded;
  assign embedded_ready    = !adds_residual && residual_in_ready;

  lm_residual_unit #(
      .MAX_D_MODEL(MAX_D_MODEL)
  ) u_residual (
      .clk_i,
      .rst_ni,
      .last_index_i($clog2(MAX_D_MODEL)'(d_model - 16'd1)),
      .adds_i      (adds_residual),
      .in_valid_i  (residual_in_valid),
      .in_ready_o  (residual_in_ready),
      .in_value_i  (residual_in),
      .out_valid_o (residual_valid),
      .out_ready_i (residual_ready),
      .out_value_o (residual),
      .out_last_o  (residual_last)
  );

  assign residual_ready  = residual_load_ready && residual_squares_ready;
  assign residual_fire = residual_valid && residual_ready;

  logic [GROUPS_BITS-1:0] load_groups;
  logic load_bank, code_we, multiplier_we;
  logic [MMU_WORD_BITS-1:0] code_address;
  logic [4*COLUMNS-1:0] codes;
  logic [MMU_GROUP_BITS-1:0] multiplier_group;
  logic [lightmamba_pkg::MULTIPLIER_BITS-1:0] multiplier;
  logic [EXPONENT_BITS-1:0] vector_exponent;
  logic loads_gated, load_done_now, load_done_q;

  // The vector of the next product goes into the bank that the one before does not use.
  assign loads_gated = state_q == LOAD_GATED;
  assign load_groups = GROUPS_BITS'((loads_gated ? d_inner : d_model) / 16'(GROUP));

  lm_vector_loader #(
      .COLUMNS       (COLUMNS),
      .LANES         (OUT_LANES),
      .MAX_GROUPS    (MAX_GROUPS),
      .MMU_MAX_GROUPS(MAX_GROUPS)
  ) u_loader (
      .clk_i,
      .rst_ni,
      .start_i           (load_start),
      .is_rotated_i      (loads_gated),
      .bank_i            (state_q == START_OUT ? ~bank_q : bank_q),
      .groups_i          (load_groups),
      .clip_i            (loads_gated ? out_clip : in_clip),
      .done_o            (load_done_now),
      .exponent_o        (vector_exponent),
      .residual_valid_i  (residual_valid && residual_squares_ready),
      .residual_ready_o  (residual_load_ready),
      .residual_i        (residual),
      .rotated_valid_i   (rotated_valid),
      .rotated_ready_o   (rotated_ready),
      .rotated_i         (rotated),
      .bank_o            (load_bank),
      .code_we_o         (code_we),
      .code_address_o    (code_address),
      .codes_o           (codes),
      .multiplier_we_o   (multiplier_we),
      .multiplier_group_o(multiplier_group),
      .multiplier_o      (multiplier)
  );

  assign load_done = load_done_q || load_done_now;

  always_ff @(posedge clk_i) begin
    if (!rst_ni || load_start) load_done_q <= 1'b0;
    else load_done_q <= load_done;
  end

  // Norms: the sum of squares of what is loaded, and its inverse root.
  logic gated_valid, gated_ready, gated_squares_ready, gated_gain_ready, gated_last;
  logic signed [GATED_BITS-1:0] gated;
  logic residual_sum_valid, residual_sum_ready, gated_sum_valid, gated_sum_ready, root_valid;
  logic [63:0] residual_sum, gated_sum;
  logic [ROOT_BITS-1:0] root_mantissa, root_mantissa_q;
  logic [EXPONENT_BITS-1:0] root_exponent, root_exponent_q;

  lm_sum_of_squares_unit #(
      .LANES  (1),
      .IN_BITS(RESIDUAL_BITS),
      .SHIFT  (0)
  ) u_residual_squares (
      .clk_i,
      .rst_ni,
      .epsilon_i  (epsilon),
      .in_valid_i (residual_valid && residual_load_ready),
      .in_ready_o (residual_squares_ready),
      .in_last_i  (residual_last),
      .in_values_i(residual),
      .out_valid_o(residual_sum_valid),
      .out_ready_i(residual_sum_ready),
      .out_sum_o  (residual_sum)
  );

  lm_sum_of_squares_unit #(
      .LANES  (1),
      .IN_BITS(GATED_BITS),
      .SHIFT  (12)
  ) u_gated_squares (
      .clk_i,
      .rst_ni,
      .epsilon_i  (gated_epsilon),
      .in_valid_i (gated_valid && gated_gain_ready),
      .in_ready_o (gated_squares_ready),
      .in_last_i  (gated_last),
      .in_values_i(gated),
      .out_valid_o(gated_sum_valid),
      .out_ready_i(gated_sum_ready),
      .out_sum_o  (gated_sum)
  );

  // They never come at once: one follows in_proj, the other out_proj.
  logic root_ready;
  lm_inverse_root_unit u_inverse_root (
      .clk_i,
      .rst_ni,
      .in_valid_i    (residual_sum_valid || gated_sum_valid),
      .in_ready_o    (root_ready),
      .in_sum_i      (residual_sum_valid ? residual_sum : gated_sum),
      .out_valid_o   (root_valid),
      .out_ready_i   (1'b1),
      .out_mantissa_o(root_mantissa),
      .out_exponent_o(root_exponent)
  );
  assign residual_sum_ready = root_ready;
  assign gated_sum_ready    = root_ready && !residual_sum_valid;

  always_ff @(posedge clk_i) begin
    if (root_valid) begin
      root_mantissa_q <= root_mantissa;
      root_exponent_q <= root_exponent;
    end
    if (!rst_ni || start_i || product_start) root_done_q <= 1'b0;
    else if (root_valid) root_done_q <= 1'b1;
  end

  // The matrix unit.
  logic [WEIGHT_CHANNELS-1:0] unpacked_valid;
  logic w_valid, w_ready, w_fire;
  logic [4*ROWS*COLUMNS-1:0] w_codes;
  logic [lightmamba_pkg::SCALE_BITS*ROWS-1:0] w_scales;
  logic [1:0] bank_busy;
  logic product_ready, sums_valid, sums_ready, sums_last;
  logic [SUM_BITS*ROWS-1:0] sums;
  logic [MMU_GROUP_BITS:0] product_groups;
  logic [COUNT_BITS-1:0] first_rows, second_rows, block_rows;
  logic [TILE_BITS-1:0] tiles;

  for (genvar c = 0; c < WEIGHT_CHANNELS; c++) begin : gen_channel
    localparam int unsigned SCALES = lightmamba_pkg::SCALE_BITS * ROWS / WEIGHT_CHANNELS;
    lm_weight_unpack #(
        .ROWS   (ROWS / WEIGHT_CHANNELS),
        .COLUMNS(COLUMNS)
    ) u_unpack (
        .clk_i,
        .rst_ni,
        .clear_i     (start_i),
        .in_valid_i  (weights_valid_i[c]),
        .in_ready_o  (weights_ready_o[c]),
        .in_data_i   (weights_i[c*WEIGHT_BITS+:WEIGHT_BITS]),
        .out_valid_o (unpacked_valid[c]),
        .out_ready_i (w_fire),
        .out_codes_o (w_codes[c*WEIGHT_BITS+:WEIGHT_BITS]),
        .out_scales_o(w_scales[c*SCALES+:SCALES])
    );
  end

  assign w_valid = &unpacked_valid;
  assign w_fire = w_valid && w_ready;

  // Rows: in_proj's in two segments, as dt is padded to whole tiles.
  assign block_rows = COUNT_BITS'({d_inner, 1'b0}) + COUNT_BITS'(BC_CODES);
  assign product_groups =
      (MMU_GROUP_BITS + 1)'((state_q == START_OUT ? d_inner : d_model) / 16'(GROUP));
  assign tiles = TILE_BITS'((first_rows + COUNT_BITS'(ROWS - 1)) >> ROW_BITS) +
      TILE_BITS'((second_rows + COUNT_BITS'(ROWS - 1)) >> ROW_BITS);

  always_comb begin
    first_rows  = COUNT_BITS'(d_model);
    second_rows = '0;
    if (state_q == START_IN) begin
      first_rows  = is_checkpoint_order ? block_rows : COUNT_BITS'(nheads);
      second_rows = is_checkpoint_order ? COUNT_BITS'(nheads) : block_rows;
    end else if (state_q == START_LM_HEAD) begin
      first_rows = COUNT_BITS'(vocab_size_o);
    end
  end

  lm_mmu #(
      .ROWS      (ROWS),
      .COLUMNS   (COLUMNS),
      .MAX_GROUPS(MAX_GROUPS),
      .TILE_BITS (TILE_BITS),
      .USE_DSP   (USE_DSP)
  ) u_mmu (
      .clk_i,
      .rst_ni,
      .vector_bank_i     (load_bank),
      .code_we_i         (code_we),
      .code_address_i    (code_address),
      .codes_i           (codes),
      .multiplier_we_i   (multiplier_we),
      .multiplier_group_i(multiplier_group),
      .multiplier_i      (multiplier),
      .bank_busy_o       (bank_busy),
      .start_valid_i     (product_start),
      .start_ready_o     (product_ready),
      .start_bank_i      (bank_q),
      .groups_i          (product_groups),
      .tiles_i           (tiles),
      .w_valid_i         (w_valid),
      .w_ready_o         (w_ready),
      .w_codes_i         (w_codes),
      .w_scales_i        (w_scales),
      .sums_valid_o      (sums_valid),
      .sums_ready_i      (sums_ready),
      .sums_o            (sums),
      .last_o            (sums_last)
  );

  // Its sums, one by one, with the exponent that they and the root have together.
  logic sum_valid, sum_ready, sum_is_second, sum_last, sum_is_block;
  logic block_sum_ready, fixed_sum_ready;
  logic [SUM_BITS-1:0] sum;
  logic [EXPONENT_BITS-1:0] product_exponent_q;
  logic [ROOT_BITS-1:0] product_mantissa_q;

  lm_sum_serializer #(
      .ROWS      (ROWS),
      .COUNT_BITS(COUNT_BITS)
  ) u_serializer (
      .clk_i,
      .rst_ni,
      .start_i        (product_start),
      .first_rows_i   (first_rows),
      .second_rows_i  (second_rows),
      .in_valid_i     (sums_valid),
      .in_ready_o     (sums_ready),
      .in_sums_i      (sums),
      .out_valid_o    (sum_valid),
      .out_ready_i    (sum_ready),
      .out_sum_o      (sum),
      .out_is_second_o(sum_is_second),
      .out_last_o     (sum_last)
  );

  always_ff @(posedge clk_i) begin
    if (product_start) begin
      product_mantissa_q <= root_mantissa_q;
      product_exponent_q <= vector_exponent + root_exponent_q +
          (state_q == START_OUT ? out_exponent : in_exponent);
    end
  end

  assign sum_is_block = is_in_q && (sum_is_second ^ is_checkpoint_order);
  assign sum_ready    = sum_is_block ? block_sum_ready : fixed_sum_ready;

  // Sums that are numbers for themselves: dt, what a layer adds to the residual, logits.
  logic [EXPONENT_BITS-1:0] fraction_bits;
  logic signed [31:0] fixed;
  logic dt_ready, logit_ready, dt_valid, logit_valid;

  always_comb begin
    if (is_in_q) fraction_bits = 8'(lightmamba_pkg::DT_FRACTION_BITS);
    else if (is_lm_head_q) fraction_bits = 8'(lightmamba_pkg::FRACTION_BITS);
    else fraction_bits = residual_fraction_bits;
  end

  lm_sums_to_fixed #(
      .LANES   (1),
      .OUT_BITS(32)
  ) u_scale_sum (
      .clk_i,
      .rst_ni,
      .in_valid_i        (sum_valid && !sum_is_block),
      .in_ready_o        (fixed_sum_ready),
      .in_sums_i         (sum),
      .in_mantissa_i     (product_mantissa_q),
      .in_exponent_i     (product_exponent_q),
      .in_fraction_bits_i(fraction_bits),
      .out_valid_o       (fixed_valid),
      .out_ready_i       (fixed_ready),
      .out_values_o      (fixed)
  );

  assign dt_valid    = fixed_valid && is_in_q;
  assign logit_valid = fixed_valid && is_lm_head_q;

  always_comb begin
    if (is_in_q) fixed_ready = dt_ready;
    else if (is_lm_head_q) fixed_ready = logit_ready;
    else fixed_ready = adds_residual && residual_in_ready;
  end

  logic [lightmamba_pkg::DT_BITS-1:0] raw_dt;

  lm_saturate #(
      .IN_BITS (32),
      .OUT_BITS(RESIDUAL_BITS)
  ) u_to_update (
      .x_i(fixed),
      .y_o(update)
  );

  lm_saturate #(
      .IN_BITS (32),
      .OUT_BITS(lightmamba_pkg::DT_BITS)
  ) u_to_raw_dt (
      .x_i(fixed),
      .y_o(raw_dt)
  );

  // Sums that become blocks: z goes to its queue, the others through the conv.
  logic block_valid, block_ready, block_is_z, z_has_room, conv_in_ready;
  logic [7:0] block_code, block_exponent;

  lm_sums_to_bfp8 #(
      .LANES(1)
  ) u_scale_sums (
      .clk_i,
      .rst_ni,
      .in_valid_i    (sum_valid && sum_is_block),
      .in_ready_o    (block_sum_ready),
      .in_sums_i     (sum),
      .in_mantissa_i (product_mantissa_q),
      .in_exponent_i (product_exponent_q),
      .out_valid_o   (block_valid),
      .out_ready_i   (block_ready),
      .out_codes_o   (block_code),
      .out_exponent_o(block_exponent)
  );

  // Of in_proj's rows but dt: B and C, then x and z in turn; or z, x, B and C.
  logic [COUNT_BITS-1:0] block_row_q;
  logic [COUNT_BITS-1:0] row_of_heads;

  assign row_of_heads = block_row_q - COUNT_BITS'(BC_CODES);
  assign block_is_z = is_checkpoint_order
      ? block_row_q < COUNT_BITS'(d_inner)
      : block_row_q >= COUNT_BITS'(BC_CODES) && row_of_heads[$clog2(HEADDIM)];
  assign block_ready = block_is_z ? z_has_room : conv_in_ready;

  always_ff @(posedge clk_i) begin
    if (product_start) block_row_q <= '0;
    else if (block_valid && block_ready) block_row_q <= block_row_q + COUNT_BITS'(1);
  end

  logic z_valid, z_ready, x_valid, x_ready, x_has_room;
  logic [7:0] z_code, z_exponent, x_code, x_exponent;

  lm_credit_fifo #(
      .WIDTH(16),
      .DEPTH(QUEUE_DEPTH)
  ) u_z_queue (
      .clk_i,
      .rst_ni,
      .has_room_o(z_has_room),
      .reserve_i (block_valid && block_is_z && z_has_room),
      .push_i    (block_valid && block_is_z && z_has_room),
      .data_i    ({block_exponent, block_code}),
      .valid_o   (z_valid),
      .ready_i   (z_ready),
      .data_o    ({z_exponent, z_code})
  );

  logic conv_valid, conv_ready, conv_is_x, conv_state_out_valid, conv_state_out_ready;
  logic [7:0] conv_code, conv_exponent;
  logic [63:0] conv_state_out;

  lm_conv_path u_conv (
      .clk_i,
      .rst_ni,
      .in_valid_i    (block_valid && !block_is_z),
      .in_ready_o    (conv_in_ready),
      .in_code_i     (block_code),
      .in_exponent_i (block_exponent),
      .record_valid_i  (conv_record_valid),
      .record_ready_o  (conv_record_ready),
      .record_i        (params_i),
      .conv_state_valid_i,
      .conv_state_ready_o,
      .conv_state_i,
      .conv_state_valid_o(conv_state_out_valid),
      .conv_state_ready_i(conv_state_out_ready),
      .conv_state_o      (conv_state_out),
      .out_valid_o   (conv_valid),
      .out_ready_i   (conv_ready),
      .out_code_o    (conv_code),
      .out_exponent_o(conv_exponent)
  );

  // After the conv: x to its queue, B and C to the state's unit.
  logic [15:0] conv_channel_q;
  logic has_bc_q, bc_valid, bc_ready, bc_beat_valid;
  logic [SSM_LANES*8-1:0] bc_codes;
  logic [7:0] bc_exponent_q;
  logic [STATE_BEAT_BITS:0] bc_beat_q;

  assign conv_is_x = is_checkpoint_order ? conv_channel_q < d_inner
                                         : conv_channel_q >= 16'(BC_CODES);
  assign conv_ready = conv_is_x ? x_has_room : bc_ready;
  assign bc_valid   = conv_valid && !conv_is_x;

  lm_credit_fifo #(
      .WIDTH(16),
      .DEPTH(QUEUE_DEPTH)
  ) u_x_queue (
      .clk_i,
      .rst_ni,
      .has_room_o(x_has_room),
      .reserve_i (conv_valid && conv_is_x && x_has_room),
      .push_i    (conv_valid && conv_is_x && x_has_room),
      .data_i    ({conv_exponent, conv_code}),
      .valid_o   (x_valid),
      .ready_i   (x_ready),
      .data_o    ({x_exponent, x_code})
  );

  lm_serial_to_parallel #(
      .BITS (8),
      .COUNT(SSM_LANES)
  ) u_gather_bc (
      .clk_i,
      .rst_ni,
      .in_valid_i (bc_valid),
      .in_ready_o (bc_ready),
      .in_data_i  (conv_code),
      .out_valid_o(bc_beat_valid),
      .out_ready_i(1'b1),
      .out_data_o (bc_codes)
  );

  // A beat is complete a cycle after its last code.
  always_ff @(posedge clk_i) begin
    bc_exponent_q <= conv_exponent;
    if (product_start) begin
      conv_channel_q <= '0;
      bc_beat_q      <= '0;
    end else begin
      if (conv_valid && conv_ready) conv_channel_q <= conv_channel_q + 16'd1;
      if (bc_beat_valid) bc_beat_q <= bc_beat_q + (STATE_BEAT_BITS + 1)'(1);
    end
    if (!rst_ni || product_start) has_bc_q <= 1'b0;
    else if (bc_beat_valid && (&bc_beat_q)) has_bc_q <= 1'b1;
  end

  // Heads: dt and decay, with D, wait for x.
  localparam int unsigned D_BITS = 16 + EXPONENT_BITS;
  localparam int unsigned DECAY_BITS = 2 * (lightmamba_pkg::SIGNIFICANT_BITS + EXPONENT_BITS);
  localparam int unsigned DECAYS = 1 << $clog2(MAX_HEADS);
  logic dt_fire, dt_unit_ready, d_has_room, decay_valid, decay_ready, decays_have_room;
  logic head_has_decay, head_has_d, head_fire, ssm_head_valid, ssm_head_ready;
  logic [DECAY_BITS-1:0] decay, head_decay;
  logic [D_BITS-1:0] head_d;

  assign dt_fire       = dt_valid && head_record_valid && dt_unit_ready && d_has_room;
  assign dt_ready       = dt_fire;
  assign head_record_ready = dt_fire;
  assign decay_ready    = decays_have_room;

  lm_decay_unit u_decays (
      .clk_i,
      .rst_ni,
      .min_mantissa_i   (min_mantissa),
      .min_exponent_i   (min_exponent),
      .max_mantissa_i    (max_mantissa),
      .max_exponent_i    (max_exponent),
      .in_valid_i         (dt_fire),
      .in_ready_o         (dt_unit_ready),
      .in_raw_i           (raw_dt),
      .in_bias_i          (params_i[lightmamba_pkg::DT_BITS-1:0]),
      .in_a_mantissa_i    (params_i[47:32]),
      .in_a_exponent_i    (params_i[55:48]),
      .out_valid_o        (decay_valid),
      .out_ready_i        (decay_ready),
      .out_dt_mantissa_o  (decay[7:0]),
      .out_dt_exponent_o  (decay[15:8]),
      .out_complement_mantissa_o(decay[23:16]),
      .out_complement_exponent_o(decay[31:24])
  );

  lm_credit_fifo #(
      .WIDTH(D_BITS),
      .DEPTH(DECAYS)
  ) u_d_queue (
      .clk_i,
      .rst_ni,
      .has_room_o(d_has_room),
      .reserve_i (dt_fire),
      .push_i    (dt_fire),
      .data_i    (params_i[64+:D_BITS]),
      .valid_o   (head_has_d),
      .ready_i   (head_fire),
      .data_o    (head_d)
  );

  lm_credit_fifo #(
      .WIDTH(DECAY_BITS),
      .DEPTH(DECAYS)
  ) u_decay_queue (
      .clk_i,
      .rst_ni,
      .has_room_o(decays_have_room),
      .reserve_i (decay_valid && decays_have_room),
      .push_i    (decay_valid && decays_have_room),
      .data_i    (decay),
      .valid_o   (head_has_decay),
      .ready_i   (head_fire),
      .data_o    (head_decay)
  );

  // A head enters with the exponent of its first x; then its rows.
  logic [$clog2(HEADDIM)-1:0] row_q;
  logic is_head_in_q, row_valid, row_ready;
  logic [15:0] head_dither_q;

  assign ssm_head_valid = !is_head_in_q && has_bc_q && head_has_decay && head_has_d && x_valid;
  assign head_fire     = ssm_head_valid && ssm_head_ready;
  assign row_valid      = is_head_in_q && x_valid;
  assign x_ready        = is_head_in_q && row_ready;

  always_ff @(posedge clk_i) begin
    if (product_start) begin
      head_dither_q <= position_dither_q + layer_dither_q;
    end else if (head_fire) begin
      head_dither_q <= head_dither_q + 16'(HEADDIM * D_STATE * 37345);
    end
    if (!rst_ni) begin
      is_head_in_q <= 1'b0;
      row_q        <= '0;
    end else if (head_fire) begin
      is_head_in_q <= 1'b1;
    end else if (row_valid && row_ready) begin
      row_q <= row_q + $clog2(HEADDIM)'(1);
      if (&row_q) is_head_in_q <= 1'b0;
    end
  end

  // The state.
  logic ssm_state_valid, ssm_state_ready, next_state_valid, next_state_ready, y_valid, y_ready;
  logic [7:0] ssm_state_exponent, next_state_exponent;
  logic [STATE_WORD_BITS-1:0] ssm_state, next_state;
  logic signed [31:0] y;

  lm_state_reader #(
      .LANES   (SSM_LANES),
      .CHANNELS(STATE_CHANNELS),
      .ROWS    (HEADDIM),
      .D_STATE (D_STATE)
  ) u_state_reader (
      .clk_i,
      .rst_ni,
      .in_valid_i    (state_valid_i),
      .in_ready_o    (state_ready_o),
      .in_data_i     (state_i),
      .out_valid_o   (ssm_state_valid),
      .out_ready_i   (ssm_state_ready),
      .out_exponent_o(ssm_state_exponent),
      .out_codes_o   (ssm_state)
  );

  lm_ssm_unit #(
      .LANES  (SSM_LANES),
      .D_STATE(D_STATE),
      .BLOCK  (HEADDIM)
  ) u_ssm (
      .clk_i,
      .rst_ni,
      .b_write_i           (bc_beat_valid && !bc_beat_q[STATE_BEAT_BITS]),
      .b_bank_i            (1'b0),
      .b_beat_i            (bc_beat_q[STATE_BEAT_BITS-1:0]),
      .b_codes_i           (bc_codes),
      .b_exponent_i        (bc_exponent_q),
      .c_write_i           (bc_beat_valid && bc_beat_q[STATE_BEAT_BITS]),
      .c_bank_i            (1'b0),
      .c_beat_i            (bc_beat_q[STATE_BEAT_BITS-1:0]),
      .c_codes_i           (bc_codes),
      .c_exponent_i        (bc_exponent_q),
      .head_valid_i        (ssm_head_valid),
      .head_ready_o        (ssm_head_ready),
      .head_bank_i         (1'b0),
      .head_rows_i         (8'(HEADDIM)),
      .head_dt_mantissa_i  (head_decay[7:0]),
      .head_dt_exponent_i  (head_decay[15:8]),
      .head_complement_mantissa_i(head_decay[23:16]),
      .head_complement_exponent_i(head_decay[31:24]),
      .head_x_exponent_i   (x_exponent),
      .head_d_mantissa_i   (head_d[15:0]),
      .head_d_exponent_i   (head_d[16+:8]),
      .head_dither_i    (head_dither_q),
      .row_valid_i         (row_valid),
      .row_ready_o         (row_ready),
      .row_x_i             (x_code),
      .state_valid_i       (ssm_state_valid),
      .state_ready_o       (ssm_state_ready),
      .state_exponent_i    (ssm_state_exponent),
      .state_codes_i       (ssm_state),
      .state_valid_o       (next_state_valid),
      .state_ready_i       (next_state_ready),
      .state_exponent_o    (next_state_exponent),
      .state_codes_o       (next_state),
      .y_valid_o           (y_valid),
      .y_ready_i           (y_ready),
      .y_o                 (y)
  );

  lm_state_writer #(
      .LANES   (SSM_LANES),
      .CHANNELS(STATE_CHANNELS),
      .ROWS    (HEADDIM),
      .D_STATE (D_STATE)
  ) u_state_writer (
      .clk_i,
      .rst_ni,
      .in_valid_i   (next_state_valid),
      .in_ready_o   (next_state_ready),
      .in_exponent_i(next_state_exponent),
      .in_codes_i   (next_state),
      .out_valid_o  (state_valid_o),
      .out_ready_i  (state_ready_i),
      .out_data_o   (state_o)
  );

  // y, the gate, the gains, the rotation.
  logic y_block_valid, y_block_ready, gain_valid, gain_ready, gains_have_room;
  logic gained_valid, gained_ready;
  logic [7:0] y_code, y_exponent;
  logic [127:0] gains;
  logic signed [GAINED_BITS-1:0] gained;
  logic [15:0] gated_channel_q;

  lm_round_bfp8 #(
      .LANES  (1),
      .IN_BITS(lightmamba_pkg::OUTPUT_BITS)
  ) u_round_y (
      .clk_i,
      .rst_ni,
      .in_valid_i    (y_valid),
      .in_ready_o    (y_ready),
      .in_values_i   (y),
      .in_exponent_i (FIXED_POINT),
      .out_valid_o   (y_block_valid),
      .out_ready_i   (y_block_ready),
      .out_codes_o   (y_code),
      .out_exponent_o(y_exponent)
  );

  lm_gate_unit u_gate (
      .clk_i,
      .rst_ni,
      .y_valid_i   (y_block_valid),
      .y_ready_o   (y_block_ready),
      .y_code_i    (y_code),
      .y_exponent_i(y_exponent),
      .z_valid_i   (z_valid),
      .z_ready_o   (z_ready),
      .z_code_i    (z_code),
      .z_exponent_i(z_exponent),
      .out_valid_o (gated_valid),
      .out_ready_i (gated_ready),
      .out_value_o (gated)
  );

  assign gated_ready  = gated_gain_ready && gated_squares_ready;
  assign gated_last  = gated_channel_q == d_inner - 16'd1;

  always_ff @(posedge clk_i) begin
    if (product_start) gated_channel_q <= '0;
    else if (gated_valid && gated_ready) gated_channel_q <= gated_channel_q + 16'd1;
  end

  lm_credit_fifo #(
      .WIDTH(128),
      .DEPTH(32)
  ) u_gain_queue (
      .clk_i,
      .rst_ni,
      .has_room_o(gains_have_room),
      .reserve_i (gain_record_valid && gains_have_room),
      .push_i    (gain_record_valid && gains_have_room),
      .data_i    (params_i),
      .valid_o   (gain_valid),
      .ready_i   (gain_ready),
      .data_o    (gains)
  );
  assign gain_record_ready = gains_have_room;

  lm_gain_unit u_gate_gain (
      .clk_i,
      .rst_ni,
      .record_valid_i(gain_valid),
      .record_ready_o(gain_ready),
      .record_i      (gains),
      .in_valid_i  (gated_valid && gated_squares_ready),
      .in_ready_o  (gated_gain_ready),
      .in_value_i  (gated),
      .out_valid_o (gained_valid),
      .out_ready_i (gained_ready),
      .out_value_o (gained)
  );

  logic rotation_ready, rotated_last;

  lm_htu #(
      .MAX_M    (MAX_M),
      .MIX_LANES(MIX_LANES),
      .OUT_LANES(OUT_LANES)
  ) u_rotation (
      .clk_i,
      .rst_ni,
      .signs_write_i  (signs_write),
      .signs_address_i(signs_address),
      .signs_i        (params_i[MAX_M-1:0]),
      .start_valid_i  (state_q == START_IN),
      .start_ready_o  (rotation_ready),
      .m_i            (M_BITS'(m)),
      .log2_n_i       (log2_n[2:0]),
      .x_valid_i      (gained_valid),
      .x_ready_o      (gained_ready),
      .x_i            (gained),
      .y_valid_o      (rotated_valid),
      .y_ready_i      (rotated_ready),
      .y_o            (rotated),
      .y_last_o       (rotated_last)
  );

  // Logits.
  logic pair_valid, pair_ready;
  logic [63:0] pair;

  lm_logit_unit #(
      .COUNT_BITS(COUNT_BITS)
  ) u_logits (
      .clk_i,
      .rst_ni,
      .start_i    (state_q == START_LM_HEAD),
      .write_logits_i   (write_logits_i),
      .count_i    (COUNT_BITS'(vocab_size_o)),
      .in_valid_i (logit_valid),
      .in_ready_o (logit_ready),
      .in_logit_i (fixed),
      .out_valid_o(pair_valid),
      .out_ready_i(pair_ready),
      .out_pair_o (pair),
      .done_o     (logits_done),
      .token_o    (next_token_o),
      .logit_o    (next_logit_o)
  );

  // All windows are out before the first logit is in.
  assign conv_state_valid_o   = conv_state_out_valid || pair_valid;
  assign conv_state_o         = conv_state_out_valid ? conv_state_out : pair;
  assign conv_state_out_ready = conv_state_ready_i;
  assign pair_ready       = conv_state_ready_i && !conv_state_out_valid;

  // Counters (docs/memory-map.md).
  logic [7:0] counts;
  logic is_running;

  assign is_running = state_q != IDLE;
  assign counts[0]  = is_running;
  assign counts[1]  = w_fire;
  assign counts[2]  = w_ready && !w_valid;
  assign counts[3]  = bank_busy == '0 && !w_ready;
  assign counts[4]  = bank_busy != '0 && !w_ready;
  assign counts[5]  = ssm_state_valid && ssm_state_ready;
  assign counts[6]  = ssm_state_ready && !ssm_state_valid;
  assign counts[7]  = ssm_state_valid && !ssm_state_ready;

  for (genvar k = 0; k < 8; k++) begin : gen_counter
    logic [63:0] count_q;
    assign counters_o[64*k+:64] = count_q;
    always_ff @(posedge clk_i) begin
      if (start_i) count_q <= '0;
      else if (is_running && counts[k]) count_q <= count_q + 64'd1;
    end
  end

  // For who watches a simulation: what each unit gives on (rtl/sim/probes.vlt).
  // verilator lint_off UNUSEDSIGNAL
  logic tap_block_valid, tap_decay_valid, tap_conv_valid, tap_y_valid, tap_gated_valid;
  logic tap_rotated_valid, tap_residual_valid, tap_logit_valid;
  logic [15:0] tap_block, tap_conv;
  logic [31:0] tap_decay, tap_y, tap_gated, tap_logit;
  logic [OUT_LANES*ROTATED_BITS-1:0] tap_rotated;
  logic [RESIDUAL_BITS-1:0] tap_residual;
  assign tap_block_valid    = block_valid && block_ready;
  assign tap_block          = {block_exponent, block_code};
  assign tap_decay_valid    = decay_valid && decay_ready;
  assign tap_decay          = decay;
  assign tap_conv_valid     = conv_valid && conv_ready;
  assign tap_conv           = {conv_exponent, conv_code};
  assign tap_y_valid        = y_valid && y_ready;
  assign tap_y              = y;
  assign tap_gated_valid    = gated_valid && gated_ready;
  assign tap_gated          = gated;
  assign tap_rotated_valid  = rotated_valid && rotated_ready;
  assign tap_rotated        = rotated;
  assign tap_residual_valid = residual_fire;
  assign tap_residual       = residual;
  assign tap_logit_valid    = logit_valid && logit_ready;
  assign tap_logit          = fixed;
  // verilator lint_on UNUSEDSIGNAL

  // Units that are ready when they are started, and ends that counters know.
  logic unused;
  assign unused = &{1'b0, product_ready, rotation_ready, rotated_last, sums_last, sum_last};
endmodule

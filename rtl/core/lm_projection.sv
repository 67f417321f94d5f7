// The products of a token: in_proj with the residual, out_proj with the rotated vector, the LM head
// with the residual. A vector is quantized into a bank of the matrix unit while the product before
// runs; its sums leave one by one, scaled by the root of their norm, as bfp8 blocks (x, B, C; z) or
// as fixed point (dt, updates of the residual, logits).
//
// z has a port of its own. The rows of in_proj come as dt, B, C, then x and z of each head in turn;
// in the checkpoint's order as z, x, B, C, dt. A sum leaves in each cycle; with Z_STREAM another
// one, of z, which a matrix unit needs that makes more than one.
`include "lm_assert.svh"

module lm_projection #(
    parameter int unsigned ROWS = 2,
    parameter int unsigned COLUMNS = 32,
    parameter int unsigned USE_DSP = 1,
    parameter int unsigned WEIGHT_CHANNELS = 1,
    parameter int unsigned Z_STREAM = 0,  // not in the checkpoint's order; ROWS is at most 64
    parameter int unsigned OUT_LANES = 1,
    parameter int unsigned MAX_GROUPS = 40,
    parameter int unsigned CHECKPOINT_ORDER = 0,
    localparam int unsigned WEIGHT_BITS = 4 * ROWS * COLUMNS / WEIGHT_CHANNELS
) (
    input  logic clk_i,
    input  logic rst_ni,
    input  logic start_i,  // of a token
    // verilator lint_off UNUSEDSIGNAL
    input  lm_types_pkg::control_t control_i,
    input  logic [31:0]            vocab_size_i,
    // verilator lint_on UNUSEDSIGNAL
    input  logic [15:0]                  nheads_i,
    input  logic [15:0]                  d_model_i,
    input  logic [15:0]                  d_inner_i,
    input  logic [7:0]                   residual_fraction_bits_i,
    input  lm_types_pkg::layer_scalars_t scalars_i,
    output logic                         is_loaded_o,  // the next product's vector and its root
    output lm_types_pkg::mmu_activity_t  activity_o,

    input  logic [WEIGHT_CHANNELS-1:0] weights_valid_i,
    output logic [WEIGHT_CHANNELS-1:0] weights_ready_o,
    input  logic [WEIGHT_CHANNELS*WEIGHT_BITS-1:0] weights_i,

    // Vectors, and the sums of their squares.
    input  logic        residual_valid_i,
    output logic        residual_ready_o,
    input  logic signed [lightmamba_pkg::RESIDUAL_BITS-1:0] residual_i,
    input  logic        residual_sum_valid_i,
    output logic        residual_sum_ready_o,
    input  logic [63:0] residual_sum_i,
    input  logic        rotated_valid_i,
    output logic        rotated_ready_o,
    input  logic [OUT_LANES*lightmamba_pkg::ROTATED_BITS-1:0] rotated_i,
    input  logic        gated_sum_valid_i,
    output logic        gated_sum_ready_o,
    input  logic [63:0] gated_sum_i,

    // Products.
    output logic                block_valid_o,
    input  logic                block_ready_i,
    output lm_types_pkg::bfp8_t block_o,
    output logic                z_valid_o,
    input  logic                z_ready_i,
    output lm_types_pkg::bfp8_t z_o,
    output logic                dt_valid_o,
    input  logic                dt_ready_i,
    output logic signed [lightmamba_pkg::DT_BITS-1:0] dt_o,
    output logic                update_valid_o,
    input  logic                update_ready_i,
    output logic signed [lightmamba_pkg::RESIDUAL_BITS-1:0] update_o,
    output logic                logit_valid_o,
    input  logic                logit_ready_i,
    output logic signed [lightmamba_pkg::LOGIT_BITS-1:0] logit_o
);
  localparam int unsigned GROUP = lightmamba_pkg::GROUP;
  localparam int unsigned SUM_BITS = lightmamba_pkg::ACCUMULATOR_BITS;
  localparam int unsigned EXPONENT_BITS = lightmamba_pkg::EXPONENT_BITS;
  localparam int unsigned RESIDUAL_BITS = lightmamba_pkg::RESIDUAL_BITS;
  localparam int unsigned DT_BITS = lightmamba_pkg::DT_BITS;
  localparam int unsigned HEADDIM = 64;
  localparam int unsigned BC_CODES = 256;
  localparam int unsigned GROUPS_BITS = $clog2(MAX_GROUPS + 1);
  localparam int unsigned ROW_BITS = $clog2(ROWS);
  localparam int unsigned COUNT_BITS = 20;  // of rows
  localparam int unsigned TILE_BITS = COUNT_BITS - ROW_BITS;
  localparam int unsigned BEATS = GROUP / COLUMNS;
  localparam int unsigned MMU_GROUP_BITS = $clog2(MAX_GROUPS);
  localparam int unsigned MMU_WORD_BITS = $clog2(MAX_GROUPS * BEATS);

  // The vector.
  logic [GROUPS_BITS-1:0] load_groups;
  logic load_bank, code_we, multiplier_we, load_done, load_done_q;
  logic [MMU_WORD_BITS-1:0] code_address;
  logic [4*COLUMNS-1:0] codes;
  logic [MMU_GROUP_BITS-1:0] multiplier_group;
  logic [lightmamba_pkg::MULTIPLIER_BITS-1:0] multiplier;
  logic [EXPONENT_BITS-1:0] vector_exponent;

  assign load_groups =
      GROUPS_BITS'((control_i.load_rotated ? d_inner_i : d_model_i) / 16'(GROUP));

  lm_vector_loader #(
      .COLUMNS       (COLUMNS),
      .LANES         (OUT_LANES),
      .MAX_GROUPS    (MAX_GROUPS),
      .MMU_MAX_GROUPS(MAX_GROUPS)
  ) u_loader (
      .clk_i,
      .rst_ni,
      .start_i           (control_i.load_start),
      .is_rotated_i      (control_i.load_rotated),
      .bank_i            (control_i.load_bank),
      .groups_i(load_groups),
      .clip_i            (control_i.load_rotated ? scalars_i.out_clip : scalars_i.in_clip),
      .done_o            (load_done),
      .exponent_o        (vector_exponent),
      .residual_valid_i,
      .residual_ready_o,
      .residual_i,
      .rotated_valid_i,
      .rotated_ready_o,
      .rotated_i,
      .bank_o            (load_bank),
      .code_we_o         (code_we),
      .code_address_o    (code_address),
      .codes_o           (codes),
      .multiplier_we_o   (multiplier_we),
      .multiplier_group_o(multiplier_group),
      .multiplier_o      (multiplier)
  );

  // The root of its norm. The sums never come at once: one follows in_proj, the other out_proj.
  logic root_ready, root_valid, root_done_q;
  lm_types_pkg::root_t root, root_q, product_root_q;

  lm_inverse_root_unit u_inverse_root (
      .clk_i,
      .rst_ni,
      .in_valid_i    (residual_sum_valid_i || gated_sum_valid_i),
      .in_ready_o    (root_ready),
      .in_sum_i      (residual_sum_valid_i ? residual_sum_i : gated_sum_i),
      .out_valid_o   (root_valid),
      .out_ready_i   (1'b1),
      .out_mantissa_o(root.mantissa),
      .out_exponent_o(root.exponent)
  );

  assign residual_sum_ready_o = root_ready;
  assign gated_sum_ready_o    = root_ready && !residual_sum_valid_i;
  assign is_loaded_o          = (load_done_q || load_done) && root_done_q;

  always_ff @(posedge clk_i) begin
    if (!rst_ni || control_i.load_start) load_done_q <= 1'b0;
    else load_done_q <= load_done_q || load_done;
    if (root_valid) root_q <= root;
    if (!rst_ni || start_i || control_i.product_start) root_done_q <= 1'b0;
    else if (root_valid) root_done_q <= 1'b1;
    if (control_i.product_start) begin
      product_root_q.mantissa <= root_q.mantissa;
      product_root_q.exponent <= vector_exponent + root_q.exponent +
          (control_i.out_proj_start ? scalars_i.out_exponent : scalars_i.in_exponent);
    end
  end

  // Weights.
  logic [WEIGHT_CHANNELS-1:0] unpacked_valid;
  logic w_valid, w_ready, w_fire;
  logic [4*ROWS*COLUMNS-1:0] w_codes;
  logic [lightmamba_pkg::SCALE_BITS*ROWS-1:0] w_scales;

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
  assign w_fire  = w_valid && w_ready;

  // The product. The rows of in_proj are two segments, as dt is padded to whole tiles.
  logic [1:0] bank_busy;
  logic product_ready, sums_valid, sums_ready, sums_last;
  logic [SUM_BITS*ROWS-1:0] sums;
  logic [MMU_GROUP_BITS:0] product_groups;
  logic [COUNT_BITS-1:0] first_rows, second_rows, block_rows;
  logic [TILE_BITS-1:0] tiles;

  assign block_rows = COUNT_BITS'({d_inner_i, 1'b0}) + COUNT_BITS'(BC_CODES);
  assign product_groups =
      (MMU_GROUP_BITS + 1)'((control_i.out_proj_start ? d_inner_i : d_model_i) / 16'(GROUP));
  assign tiles = TILE_BITS'((first_rows + COUNT_BITS'(ROWS - 1)) >> ROW_BITS) +
      TILE_BITS'((second_rows + COUNT_BITS'(ROWS - 1)) >> ROW_BITS);

  always_comb begin
    first_rows  = COUNT_BITS'(d_model_i);
    second_rows = '0;
    if (control_i.in_proj_start) begin
      first_rows  = CHECKPOINT_ORDER != 0 ? block_rows : COUNT_BITS'(nheads_i);
      second_rows = CHECKPOINT_ORDER != 0 ? COUNT_BITS'(nheads_i) : block_rows;
    end else if (control_i.lm_head_start) begin
      first_rows = COUNT_BITS'(vocab_size_i);
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
      .vector_slot_i     (1'b0),
      .code_we_i         (code_we),
      .code_address_i    (code_address),
      .codes_i           (codes),
      .multiplier_we_i   (multiplier_we),
      .multiplier_group_i(multiplier_group),
      .multiplier_i      (multiplier),
      .bank_busy_o       (bank_busy),
      .start_valid_i     (control_i.product_start),
      .start_ready_o     (product_ready),
      .start_bank_i      (control_i.product_bank),
      .groups_i          (product_groups),
      .tiles_i           (tiles),
      .slots_i           (1'b1),
      .w_valid_i         (w_valid),
      .w_ready_o         (w_ready),
      .w_codes_i         (w_codes),
      .w_scales_i        (w_scales),
      .sums_valid_o      (sums_valid),
      .sums_ready_i      (sums_ready),
      .sums_o            (sums),
      .last_o            (sums_last)
  );

  assign activity_o.is_busy           = w_fire;
  assign activity_o.waits_for_weights = w_ready && !w_valid;
  assign activity_o.has_no_product    = bank_busy == '0 && !w_ready;
  assign activity_o.waits_for_output  = bank_busy != '0 && !w_ready;

  // Its sums, one by one.
  logic sum_valid, sum_ready, sum_slot, sum_is_second, sum_last;
  logic tile_is_z, tile_ready, z_tile_ready;
  logic sum_is_block, block_sum_ready, fixed_sum_ready, block_valid, block_ready;
  logic [SUM_BITS-1:0] sum;
  logic [COUNT_BITS-1:0] z_rows;  // of z's own stream
  lm_types_pkg::bfp8_t block;

  assign sums_ready = tile_is_z ? z_tile_ready : tile_ready;

  lm_sum_serializer #(
      .ROWS      (ROWS),
      .COUNT_BITS(COUNT_BITS)
  ) u_serializer (
      .clk_i,
      .rst_ni,
      .start_i        (control_i.product_start),
      .first_rows_i   (first_rows),
      .second_rows_i  (second_rows - z_rows),
      .slots_i        (1'b1),
      .in_valid_i     (sums_valid && !tile_is_z),
      .in_ready_o     (tile_ready),
      .in_sums_i      (sums),
      .out_valid_o    (sum_valid),
      .out_ready_i    (sum_ready),
      .out_sum_o      (sum),
      .out_slot_o     (sum_slot),
      .out_is_second_o(sum_is_second),
      .out_last_o     (sum_last)
  );

  assign sum_is_block = control_i.is_in_proj && (sum_is_second ^ (CHECKPOINT_ORDER != 0));
  assign sum_ready    = sum_is_block ? block_sum_ready : fixed_sum_ready;

  lm_sums_to_bfp8 #(
      .LANES(1)
  ) u_to_bfp8 (
      .clk_i,
      .rst_ni,
      .in_valid_i    (sum_valid && sum_is_block),
      .in_ready_o    (block_sum_ready),
      .in_sums_i     (sum),
      .in_mantissa_i (product_root_q.mantissa),
      .in_exponent_i (product_root_q.exponent),
      .out_valid_o   (block_valid),
      .out_ready_i   (block_ready),
      .out_codes_o   (block.code),
      .out_exponent_o(block.exponent)
  );

  // z is told from the other blocks by its rows, or its tiles go to a serializer of their own.
  logic [7:0] z_code, z_exponent;
  // Fields of structs, which Yosys does not read inside a generate block; one of two needs them.
  // verilator lint_off UNUSEDSIGNAL
  logic [7:0] block_code, block_exponent;
  logic [lightmamba_pkg::ROOT_BITS-1:0] product_root_mantissa;
  logic [EXPONENT_BITS-1:0] product_root_exponent;
  // verilator lint_on UNUSEDSIGNAL

  assign block_code            = block.code;
  assign block_exponent        = block.exponent;
  assign product_root_mantissa = product_root_q.mantissa;
  assign product_root_exponent = product_root_q.exponent;
  assign block_o               = block;
  assign z_o                   = {z_exponent, z_code};

  if (Z_STREAM != 0) begin : gen_z_stream
    // Tiles of x and z alternate by heads behind those of dt and of B and C.
    localparam int unsigned BC_TILES = BC_CODES / ROWS;
    localparam int unsigned TURN_BIT = $clog2(HEADDIM) - ROW_BITS;
    logic [TILE_BITS-1:0] dt_tiles_q, tile_q;
    logic z_sum_valid, z_sum_ready, z_sum_slot, z_sum_is_second, z_sum_last, unused_z;
    logic [SUM_BITS-1:0] z_sum;

    assign z_rows    = control_i.in_proj_start ? COUNT_BITS'(d_inner_i) : '0;
    assign tile_is_z = control_i.is_in_proj && dt_tiles_q == '0 &&
        tile_q >= TILE_BITS'(BC_TILES) && tile_q[TURN_BIT];

    always_ff @(posedge clk_i) begin
      if (control_i.product_start) begin
        dt_tiles_q <= TILE_BITS'((first_rows + COUNT_BITS'(ROWS - 1)) >> ROW_BITS);
        tile_q     <= '0;
      end else if (sums_valid && sums_ready) begin
        if (dt_tiles_q != '0) dt_tiles_q <= dt_tiles_q - TILE_BITS'(1);
        else tile_q <= tile_q + TILE_BITS'(1);
      end
    end

    lm_sum_serializer #(
        .ROWS      (ROWS),
        .COUNT_BITS(COUNT_BITS)
    ) u_z_serializer (
        .clk_i,
        .rst_ni,
        .start_i        (control_i.in_proj_start),
        .first_rows_i   (z_rows),
        .second_rows_i  ('0),
        .slots_i        (1'b1),
        .in_valid_i     (sums_valid && tile_is_z),
        .in_ready_o     (z_tile_ready),
        .in_sums_i      (sums),
        .out_valid_o    (z_sum_valid),
        .out_ready_i    (z_sum_ready),
        .out_sum_o      (z_sum),
        .out_slot_o     (z_sum_slot),
        .out_is_second_o(z_sum_is_second),
        .out_last_o     (z_sum_last)
    );

    lm_sums_to_bfp8 #(
        .LANES(1)
    ) u_z_to_bfp8 (
        .clk_i,
        .rst_ni,
        .in_valid_i    (z_sum_valid),
        .in_ready_o    (z_sum_ready),
        .in_sums_i     (z_sum),
        .in_mantissa_i (product_root_mantissa),
        .in_exponent_i (product_root_exponent),
        .out_valid_o   (z_valid_o),
        .out_ready_i   (z_ready_i),
        .out_codes_o   (z_code),
        .out_exponent_o(z_exponent)
    );

    assign block_valid_o = block_valid;
    assign block_ready   = block_ready_i;
    assign unused_z      = &{1'b0, z_sum_slot, z_sum_is_second, z_sum_last};
  end else begin : gen_z_in_turn
    logic [COUNT_BITS-1:0] block_row_q;
    logic block_is_z;

    if (CHECKPOINT_ORDER != 0) begin : gen_z_first
      assign block_is_z = block_row_q < COUNT_BITS'(d_inner_i);
    end else begin : gen_z_behind_x
      // Within two heads' rows, x and z.
      logic [$clog2(HEADDIM):0] row;
      assign row = ($clog2(HEADDIM) + 1)'(block_row_q - COUNT_BITS'(BC_CODES));
      assign block_is_z = block_row_q >= COUNT_BITS'(BC_CODES) && row[$clog2(HEADDIM)];
    end

    always_ff @(posedge clk_i) begin
      if (control_i.product_start) block_row_q <= '0;
      else if (block_valid && block_ready) block_row_q <= block_row_q + COUNT_BITS'(1);
    end

    assign z_rows        = '0;
    assign tile_is_z     = 1'b0;
    assign z_tile_ready  = 1'b0;
    assign block_valid_o = block_valid && !block_is_z;
    assign z_valid_o     = block_valid && block_is_z;
    assign block_ready   = block_is_z ? z_ready_i : block_ready_i;
    assign z_code        = block_code;
    assign z_exponent    = block_exponent;
  end

  logic fixed_valid, fixed_ready;
  logic signed [31:0] fixed;
  logic [EXPONENT_BITS-1:0] fraction_bits;

  always_comb begin
    if (control_i.is_in_proj) fraction_bits = 8'(lightmamba_pkg::DT_FRACTION_BITS);
    else if (control_i.is_lm_head) fraction_bits = 8'(lightmamba_pkg::FRACTION_BITS);
    else fraction_bits = residual_fraction_bits_i;
  end

  lm_sums_to_fixed #(
      .LANES   (1),
      .OUT_BITS(32)
  ) u_to_fixed (
      .clk_i,
      .rst_ni,
      .in_valid_i        (sum_valid && !sum_is_block),
      .in_ready_o        (fixed_sum_ready),
      .in_sums_i         (sum),
      .in_mantissa_i     (product_root_q.mantissa),
      .in_exponent_i     (product_root_q.exponent),
      .in_fraction_bits_i(fraction_bits),
      .out_valid_o       (fixed_valid),
      .out_ready_i       (fixed_ready),
      .out_values_o      (fixed)
  );

  assign dt_valid_o     = fixed_valid && control_i.is_in_proj;
  assign logit_valid_o  = fixed_valid && control_i.is_lm_head;
  assign update_valid_o = fixed_valid && !control_i.is_in_proj && !control_i.is_lm_head;
  assign logit_o        = fixed;

  always_comb begin
    if (control_i.is_in_proj) fixed_ready = dt_ready_i;
    else if (control_i.is_lm_head) fixed_ready = logit_ready_i;
    else fixed_ready = update_ready_i;
  end

  lm_saturate #(
      .IN_BITS (32),
      .OUT_BITS(RESIDUAL_BITS)
  ) u_to_update (
      .x_i(fixed),
      .y_o(update_o)
  );

  lm_saturate #(
      .IN_BITS (32),
      .OUT_BITS(DT_BITS)
  ) u_to_dt (
      .x_i(fixed),
      .y_o(dt_o)
  );

  // The matrix unit is idle whenever it is started, and the serializer counts its sums.
  logic unused;
  assign unused = &{1'b0, product_ready, sums_last, sum_last, sum_slot};

  `LM_ASSERT_START(product_starts_when_ready, control_i.product_start, product_ready)
endmodule

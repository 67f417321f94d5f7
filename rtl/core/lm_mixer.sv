// From in_proj to y: the blocks of x, B and C pass the conv, B and C then wait in the SSM unit, and
// x of each head is stepped with its dt, decay and state. Blocks come as B, C, x of each head; in
// the checkpoint's order as x, B, C.
module lm_mixer #(
    parameter int unsigned SSM_LANES = 4,
    parameter int unsigned SSM_UNITS = 1,      // 1 or 2 that share the lanes; heads take turns
    parameter int unsigned STATE_CHANNELS = 1,
    parameter int unsigned MAX_HEADS = 80,
    parameter int unsigned QUEUE_DEPTH = 256,  // of x
    parameter int unsigned CHECKPOINT_ORDER = 0,
    localparam int unsigned STATE_WORD_BITS = SSM_LANES * lightmamba_pkg::STATE_BITS
) (
    input  logic clk_i,
    input  logic rst_ni,
    // verilator lint_off UNUSEDSIGNAL
    input  lm_types_pkg::control_t control_i,
    input  logic [15:0]            d_inner_i,  // counts in the checkpoint's order
    // verilator lint_on UNUSEDSIGNAL
    input  logic [15:0]                 dither_i,  // of the layer
    input  lm_types_pkg::dt_limits_t    dt_limits_i,
    input  logic                        has_short_state_i,
    output lm_types_pkg::ssm_activity_t activity_o,

    // Records of the parameters, of heads and of the conv.
    input  logic [127:0] record_i,
    input  logic         head_record_valid_i,
    output logic         head_record_ready_o,
    input  logic         conv_record_valid_i,
    output logic         conv_record_ready_o,

    // From in_proj.
    input  logic                dt_valid_i,
    output logic                dt_ready_o,
    input  logic signed [lightmamba_pkg::DT_BITS-1:0] dt_i,
    input  logic                block_valid_i,
    output logic                block_ready_o,
    input  lm_types_pkg::bfp8_t block_i,

    // States, in and out; that of the SSM for each unit.
    input  logic                       conv_state_valid_i,
    output logic                       conv_state_ready_o,
    input  logic [63:0]                conv_state_i,
    output logic                       conv_state_valid_o,
    input  logic                       conv_state_ready_i,
    output logic [63:0]                conv_state_o,
    input  logic [SSM_UNITS-1:0]       state_valid_i,
    output logic [SSM_UNITS-1:0]       state_ready_o,
    input  logic [STATE_WORD_BITS-1:0] state_i,
    output logic [SSM_UNITS-1:0]       state_valid_o,
    input  logic [SSM_UNITS-1:0]       state_ready_i,
    output logic [STATE_WORD_BITS-1:0] state_o,

    output logic                y_valid_o,
    input  logic                y_ready_i,
    output logic signed [lightmamba_pkg::OUTPUT_BITS-1:0] y_o
);
  localparam int unsigned HEADDIM = 64;
  localparam int unsigned D_STATE = 128;
  localparam int unsigned BC_CODES = 2 * D_STATE;
  localparam int unsigned LANES = SSM_LANES / SSM_UNITS;  // of a unit
  localparam int unsigned UNIT_BITS = SSM_UNITS > 1 ? $clog2(SSM_UNITS) : 1;
  localparam int unsigned UNIT_WORD_BITS = STATE_WORD_BITS / SSM_UNITS;
  localparam int unsigned BEAT_BITS = $clog2(D_STATE / LANES);
  localparam int unsigned HEADDIM_BITS = $clog2(HEADDIM);
  localparam int unsigned OUTPUT_BITS = lightmamba_pkg::OUTPUT_BITS;
  localparam int unsigned ACTIVITY_BITS = 3;
  localparam logic [15:0] DITHER_INDEX = lightmamba_pkg::DITHER_INDEX;

  logic conv_valid, conv_ready, conv_is_x;
  lm_types_pkg::bfp8_t conv;

  lm_conv_path u_conv (
      .clk_i,
      .rst_ni,
      .in_valid_i    (block_valid_i),
      .in_ready_o    (block_ready_o),
      .in_code_i     (block_i.code),
      .in_exponent_i (block_i.exponent),
      .record_valid_i(conv_record_valid_i),
      .record_ready_o(conv_record_ready_o),
      .record_i,
      .conv_state_valid_i,
      .conv_state_ready_o,
      .conv_state_i,
      .conv_state_valid_o,
      .conv_state_ready_i,
      .conv_state_o,
      .out_valid_o   (conv_valid),
      .out_ready_i   (conv_ready),
      .out_code_o    (conv.code),
      .out_exponent_o(conv.exponent)
  );

  // After the conv: x to the SSM unit of its head, B and C to all of them.
  logic [15:0] conv_channel_q;
  logic [SSM_UNITS-1:0] x_ready;
  logic [UNIT_BITS-1:0] x_unit;
  logic bc_ready, bc_beat_valid, has_bc_q;
  logic [7:0] bc_exponent_q;
  logic [LANES*8-1:0] bc_codes;
  logic [BEAT_BITS:0] bc_beat_q;

  if (CHECKPOINT_ORDER != 0) begin : gen_x_first
    assign conv_is_x = conv_channel_q < d_inner_i;
  end else begin : gen_x_last
    assign conv_is_x = conv_channel_q >= 16'(BC_CODES);
  end
  assign x_unit     = SSM_UNITS > 1 ? conv_channel_q[HEADDIM_BITS+:UNIT_BITS] : '0;
  assign conv_ready = conv_is_x ? x_ready[x_unit] : bc_ready;

  lm_serial_to_parallel #(
      .BITS (8),
      .COUNT(LANES)
  ) u_bc (
      .clk_i,
      .rst_ni,
      .in_valid_i (conv_valid && !conv_is_x),
      .in_ready_o (bc_ready),
      .in_data_i  (conv.code),
      .out_valid_o(bc_beat_valid),
      .out_ready_i(1'b1),
      .out_data_o (bc_codes)
  );

  // A beat is complete a cycle after its last code.
  always_ff @(posedge clk_i) begin
    bc_exponent_q <= conv.exponent;
    if (control_i.product_start) begin
      conv_channel_q <= '0;
      bc_beat_q      <= '0;
    end else begin
      if (conv_valid && conv_ready) conv_channel_q <= conv_channel_q + 16'd1;
      if (bc_beat_valid) bc_beat_q <= bc_beat_q + (BEAT_BITS + 1)'(1);
    end
    if (!rst_ni || control_i.product_start) has_bc_q <= 1'b0;
    else if (bc_beat_valid && (&bc_beat_q)) has_bc_q <= 1'b1;
  end

  // Heads take turns at the units, as their rows of y do. Both turns end where they began.
  logic [SSM_UNITS-1:0] head_taken, y_valid;
  logic [UNIT_BITS-1:0] head_unit, y_unit;
  logic has_decay;
  logic [15:0] head_dither_q;
  lm_types_pkg::decay_t decay;
  lm_types_pkg::skip_t skip;
  logic [SSM_UNITS*OUTPUT_BITS-1:0] ys;
  logic [SSM_UNITS*ACTIVITY_BITS-1:0] activities;

  lm_decay_path #(
      .MAX_HEADS(MAX_HEADS)
  ) u_decay_path (
      .clk_i,
      .rst_ni,
      .limits_i      (dt_limits_i),
      .record_valid_i(head_record_valid_i),
      .record_ready_o(head_record_ready_o),
      .record_i,
      .dt_valid_i,
      .dt_ready_o,
      .dt_i,
      .out_valid_o   (has_decay),
      .out_ready_i   (|head_taken),
      .out_decay_o   (decay),
      .out_skip_o    (skip)
  );

  always_ff @(posedge clk_i) begin
    if (control_i.product_start) head_dither_q <= dither_i;
    else if (|head_taken) head_dither_q <= head_dither_q + 16'(HEADDIM * D_STATE) * DITHER_INDEX;
  end

  if (SSM_UNITS > 1) begin : gen_turns
    logic [UNIT_BITS-1:0] head_unit_q;
    logic [HEADDIM_BITS+UNIT_BITS-1:0] y_row_q;
    assign head_unit = head_unit_q;
    assign y_unit    = y_row_q[HEADDIM_BITS+:UNIT_BITS];
    always_ff @(posedge clk_i) begin
      if (!rst_ni) begin
        head_unit_q <= '0;
        y_row_q     <= '0;
      end else begin
        if (|head_taken) head_unit_q <= head_unit_q + UNIT_BITS'(1);
        if (y_valid_o && y_ready_i) y_row_q <= y_row_q + (HEADDIM_BITS + UNIT_BITS)'(1);
      end
    end
  end else begin : gen_no_turns
    assign head_unit = '0;
    assign y_unit    = '0;
  end

  for (genvar u = 0; u < SSM_UNITS; u++) begin : gen_unit
    lm_ssm_path #(
        .LANES      (LANES),
        .CHANNELS   (STATE_CHANNELS / SSM_UNITS),
        .QUEUE_DEPTH(QUEUE_DEPTH / SSM_UNITS),
        .Y_PLACES   (SSM_UNITS > 1 ? HEADDIM : HEADDIM / 2)
    ) u_ssm_path (
        .clk_i,
        .rst_ni,
        .is_short_i   (has_short_state_i),
        .b_write_i    (bc_beat_valid && !bc_beat_q[BEAT_BITS]),
        .c_write_i    (bc_beat_valid && bc_beat_q[BEAT_BITS]),
        .bc_beat_i    (bc_beat_q[BEAT_BITS-1:0]),
        .bc_codes_i   (bc_codes),
        .bc_exponent_i(bc_exponent_q),
        .x_valid_i    (conv_valid && conv_is_x && x_unit == UNIT_BITS'(u)),
        .x_ready_o    (x_ready[u]),
        .x_i          (conv),
        .head_valid_i (has_bc_q && has_decay && head_unit == UNIT_BITS'(u)),
        .head_taken_o (head_taken[u]),
        .decay_i      (decay),
        .skip_i       (skip),
        .dither_i     (head_dither_q),
        .state_valid_i(state_valid_i[u]),
        .state_ready_o(state_ready_o[u]),
        .state_i      (state_i[u*UNIT_WORD_BITS+:UNIT_WORD_BITS]),
        .state_valid_o(state_valid_o[u]),
        .state_ready_i(state_ready_i[u]),
        .state_o      (state_o[u*UNIT_WORD_BITS+:UNIT_WORD_BITS]),
        .y_valid_o    (y_valid[u]),
        .y_ready_i    (y_ready_i && y_unit == UNIT_BITS'(u)),
        .y_o          (ys[u*OUTPUT_BITS+:OUTPUT_BITS]),
        .activity_o   (activities[u*ACTIVITY_BITS+:ACTIVITY_BITS])
    );
  end

  assign y_valid_o = y_valid[y_unit];
  assign y_o       = ys[y_unit*OUTPUT_BITS+:OUTPUT_BITS];

  // Each unit takes as many heads as the first.
  assign activity_o = activities[ACTIVITY_BITS-1:0];

  logic unused;
  assign unused = ^activities;
endmodule

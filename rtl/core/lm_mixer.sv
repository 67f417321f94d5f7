// From in_proj to y: the blocks of x, B and C pass the conv, B and C then wait in the SSM unit, and
// x of each head is stepped with its dt, decay and state. The blocks of z pass by.
//
// The rows of in_proj come as B, C, then x and z of each head in turn; in the checkpoint's order as
// z, x, B, C.
module lm_mixer #(
    parameter int unsigned SSM_LANES = 4,
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

    // States, in and out.
    input  logic                       conv_state_valid_i,
    output logic                       conv_state_ready_o,
    input  logic [63:0]                conv_state_i,
    output logic                       conv_state_valid_o,
    input  logic                       conv_state_ready_i,
    output logic [63:0]                conv_state_o,
    input  logic                       state_valid_i,
    output logic                       state_ready_o,
    input  logic [STATE_WORD_BITS-1:0] state_i,
    output logic                       state_valid_o,
    input  logic                       state_ready_i,
    output logic [STATE_WORD_BITS-1:0] state_o,

    output logic                z_valid_o,
    input  logic                z_ready_i,
    output lm_types_pkg::bfp8_t z_o,
    output logic                y_valid_o,
    input  logic                y_ready_i,
    output logic signed [lightmamba_pkg::OUTPUT_BITS-1:0] y_o
);
  localparam int unsigned HEADDIM = 64;
  localparam int unsigned D_STATE = 128;
  localparam int unsigned BC_CODES = 2 * D_STATE;
  localparam int unsigned COUNT_BITS = 20;  // of rows
  localparam int unsigned BEAT_BITS = $clog2(D_STATE / SSM_LANES);
  localparam logic [15:0] DITHER_INDEX = lightmamba_pkg::DITHER_INDEX;

  // Blocks: z passes, the others go to the conv.
  logic [COUNT_BITS-1:0] block_row_q;
  logic block_is_z, conv_in_ready;

  if (CHECKPOINT_ORDER != 0) begin : gen_z_first
    assign block_is_z = block_row_q < COUNT_BITS'(d_inner_i);
  end else begin : gen_z_in_turn
    // Within two heads' rows, x and z.
    logic [$clog2(HEADDIM):0] row;
    assign row = ($clog2(HEADDIM) + 1)'(block_row_q - COUNT_BITS'(BC_CODES));
    assign block_is_z = block_row_q >= COUNT_BITS'(BC_CODES) && row[$clog2(HEADDIM)];
  end
  assign block_ready_o = block_is_z ? z_ready_i : conv_in_ready;
  assign z_valid_o     = block_valid_i && block_is_z;
  assign z_o           = block_i;

  always_ff @(posedge clk_i) begin
    if (control_i.product_start) block_row_q <= '0;
    else if (block_valid_i && block_ready_o) block_row_q <= block_row_q + COUNT_BITS'(1);
  end

  logic conv_valid, conv_ready, conv_is_x;
  lm_types_pkg::bfp8_t conv;

  lm_conv_path u_conv (
      .clk_i,
      .rst_ni,
      .in_valid_i    (block_valid_i && !block_is_z),
      .in_ready_o    (conv_in_ready),
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

  // After the conv: x to its queue, B and C to the SSM unit.
  logic [15:0] conv_channel_q;
  logic x_has_room, x_valid, x_ready, bc_ready, bc_beat_valid, has_bc_q;
  logic [7:0] bc_exponent_q;
  logic [SSM_LANES*8-1:0] bc_codes;
  logic [BEAT_BITS:0] bc_beat_q;
  lm_types_pkg::bfp8_t x;

  if (CHECKPOINT_ORDER != 0) begin : gen_x_first
    assign conv_is_x = conv_channel_q < d_inner_i;
  end else begin : gen_x_last
    assign conv_is_x = conv_channel_q >= 16'(BC_CODES);
  end
  assign conv_ready = conv_is_x ? x_has_room : bc_ready;

  lm_credit_fifo #(
      .WIDTH(lm_types_pkg::BFP8_BITS),
      .DEPTH(QUEUE_DEPTH)
  ) u_x_queue (
      .clk_i,
      .rst_ni,
      .has_room_o(x_has_room),
      .reserve_i (conv_valid && conv_is_x && x_has_room),
      .push_i    (conv_valid && conv_is_x && x_has_room),
      .data_i    (conv),
      .valid_o   (x_valid),
      .ready_i   (x_ready),
      .data_o    (x)
  );

  lm_serial_to_parallel #(
      .BITS (8),
      .COUNT(SSM_LANES)
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

  // A head enters with the exponent of its first x; then its rows.
  lm_types_pkg::ssm_head_t head;
  logic has_decay, head_valid, head_ready, head_fire, is_head_in_q, row_valid, row_ready;
  logic [$clog2(HEADDIM)-1:0] row_q;
  logic [15:0] head_dither_q;

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
      .out_ready_i   (head_fire),
      .out_decay_o   (head.decay),
      .out_skip_o    (head.skip)
  );

  assign head.x_exponent = x.exponent;
  assign head.dither     = head_dither_q;
  assign head_valid      = !is_head_in_q && has_bc_q && has_decay && x_valid;
  assign head_fire       = head_valid && head_ready;
  assign row_valid       = is_head_in_q && x_valid;
  assign x_ready         = is_head_in_q && row_ready;

  always_ff @(posedge clk_i) begin
    if (control_i.product_start) head_dither_q <= dither_i;
    else if (head_fire) head_dither_q <= head_dither_q + 16'(HEADDIM * D_STATE) * DITHER_INDEX;
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

  // The state passes the SSM unit.
  logic old_valid, old_ready, new_valid, new_ready;
  logic [7:0] old_exponent, new_exponent;
  logic [STATE_WORD_BITS-1:0] old_codes, new_codes;

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
      .out_valid_o   (old_valid),
      .out_ready_i   (old_ready),
      .out_exponent_o(old_exponent),
      .out_codes_o   (old_codes)
  );

  lm_ssm_unit #(
      .LANES  (SSM_LANES),
      .D_STATE(D_STATE),
      .BLOCK  (HEADDIM)
  ) u_ssm (
      .clk_i,
      .rst_ni,
      .b_write_i       (bc_beat_valid && !bc_beat_q[BEAT_BITS]),
      .b_bank_i        (1'b0),
      .b_beat_i        (bc_beat_q[BEAT_BITS-1:0]),
      .b_codes_i       (bc_codes),
      .b_exponent_i    (bc_exponent_q),
      .c_write_i       (bc_beat_valid && bc_beat_q[BEAT_BITS]),
      .c_bank_i        (1'b0),
      .c_beat_i        (bc_beat_q[BEAT_BITS-1:0]),
      .c_codes_i       (bc_codes),
      .c_exponent_i    (bc_exponent_q),
      .head_valid_i    (head_valid),
      .head_ready_o    (head_ready),
      .head_bank_i     (1'b0),
      .head_rows_i     (8'(HEADDIM)),
      .head_i          (head),
      .row_valid_i     (row_valid),
      .row_ready_o     (row_ready),
      .row_x_i         (x.code),
      .state_valid_i   (old_valid),
      .state_ready_o   (old_ready),
      .state_exponent_i(old_exponent),
      .state_codes_i   (old_codes),
      .state_valid_o   (new_valid),
      .state_ready_i   (new_ready),
      .state_exponent_o(new_exponent),
      .state_codes_o   (new_codes),
      .y_valid_o,
      .y_ready_i,
      .y_o
  );

  lm_state_writer #(
      .LANES   (SSM_LANES),
      .CHANNELS(STATE_CHANNELS),
      .ROWS    (HEADDIM),
      .D_STATE (D_STATE)
  ) u_state_writer (
      .clk_i,
      .rst_ni,
      .in_valid_i   (new_valid),
      .in_ready_o   (new_ready),
      .in_exponent_i(new_exponent),
      .in_codes_i   (new_codes),
      .out_valid_o  (state_valid_o),
      .out_ready_i  (state_ready_i),
      .out_data_o   (state_o)
  );

  assign activity_o.is_busy         = old_valid && old_ready;
  assign activity_o.waits_for_state = old_ready && !old_valid;
  assign activity_o.waits_for_input = old_valid && !old_ready;
endmodule

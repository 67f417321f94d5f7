// The SSM of the heads that one unit takes. x of each head waits in a queue; the head enters with
// its decay, D and the exponent of its first x, then its rows follow. Its state comes from memory
// and returns there, and y of each row leaves. B and C of the token are written before a head
// enters and stay until the next token's.
module lm_ssm_path #(
    parameter int unsigned LANES = 4,
    parameter int unsigned CHANNELS = 1,       // of memory, for the state
    parameter int unsigned QUEUE_DEPTH = 256,  // of x
    parameter int unsigned Y_PLACES = 32,      // for y that waits
    localparam int unsigned BEAT_BITS = $clog2(128 / LANES),
    localparam int unsigned STATE_WORD_BITS = LANES * lightmamba_pkg::STATE_BITS
) (
    input  logic clk_i,
    input  logic rst_ni,
    input  logic is_short_i,  // the state's codes have 8 bits; steady while there is work

    // B and C, a beat at a time.
    input  logic                    b_write_i,
    input  logic                    c_write_i,
    input  logic [BEAT_BITS-1:0]    bc_beat_i,
    input  logic [LANES*8-1:0]      bc_codes_i,
    input  logic signed [7:0]       bc_exponent_i,

    // Its heads.
    input  logic                    x_valid_i,
    output logic                    x_ready_o,
    input  lm_types_pkg::bfp8_t     x_i,
    input  logic                    head_valid_i,
    output logic                    head_taken_o,
    input  lm_types_pkg::decay_t    decay_i,
    input  lm_types_pkg::skip_t     skip_i,
    input  logic [15:0]             dither_i,  // of the head's first element

    input  logic                       state_valid_i,
    output logic                       state_ready_o,
    input  logic [STATE_WORD_BITS-1:0] state_i,
    output logic                       state_valid_o,
    input  logic                       state_ready_i,
    output logic [STATE_WORD_BITS-1:0] state_o,

    output logic                        y_valid_o,
    input  logic                        y_ready_i,
    output logic signed [lightmamba_pkg::OUTPUT_BITS-1:0] y_o,
    output lm_types_pkg::ssm_activity_t activity_o
);
  localparam int unsigned HEADDIM = 64;
  localparam int unsigned D_STATE = 128;

  logic x_valid, x_ready;
  lm_types_pkg::bfp8_t x;

  lm_credit_fifo #(
      .WIDTH(lm_types_pkg::BFP8_BITS),
      .DEPTH(QUEUE_DEPTH)
  ) u_x_queue (
      .clk_i,
      .rst_ni,
      .has_room_o(x_ready_o),
      .reserve_i (x_valid_i && x_ready_o),
      .push_i    (x_valid_i && x_ready_o),
      .data_i    (x_i),
      .valid_o   (x_valid),
      .ready_i   (x_ready),
      .data_o    (x)
  );

  // The head, then its rows.
  lm_types_pkg::ssm_head_t head;
  logic head_valid, head_ready, is_head_in_q, row_valid, row_ready;
  logic [$clog2(HEADDIM)-1:0] row_q;

  assign head.decay      = decay_i;
  assign head.skip       = skip_i;
  assign head.x_exponent = x.exponent;
  assign head.dither     = dither_i;
  assign head_valid      = !is_head_in_q && head_valid_i && x_valid;
  assign head_taken_o    = head_valid && head_ready;
  assign row_valid       = is_head_in_q && x_valid;
  assign x_ready         = is_head_in_q && row_ready;

  always_ff @(posedge clk_i) begin
    if (!rst_ni) begin
      is_head_in_q <= 1'b0;
      row_q        <= '0;
    end else if (head_taken_o) begin
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
      .LANES   (LANES),
      .CHANNELS(CHANNELS),
      .ROWS    (HEADDIM),
      .D_STATE (D_STATE)
  ) u_state_reader (
      .clk_i,
      .rst_ni,
      .is_short_i,
      .in_valid_i    (state_valid_i),
      .in_ready_o    (state_ready_o),
      .in_data_i     (state_i),
      .out_valid_o   (old_valid),
      .out_ready_i   (old_ready),
      .out_exponent_o(old_exponent),
      .out_codes_o   (old_codes)
  );

  lm_ssm_unit #(
      .LANES   (LANES),
      .D_STATE (D_STATE),
      .BLOCK   (HEADDIM),
      .Y_PLACES(Y_PLACES)
  ) u_ssm (
      .clk_i,
      .rst_ni,
      .is_short_i,
      .b_write_i,
      .b_bank_i        (1'b0),
      .b_beat_i        (bc_beat_i),
      .b_codes_i       (bc_codes_i),
      .b_exponent_i    (bc_exponent_i),
      .c_write_i,
      .c_bank_i        (1'b0),
      .c_beat_i        (bc_beat_i),
      .c_codes_i       (bc_codes_i),
      .c_exponent_i    (bc_exponent_i),
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
      .LANES   (LANES),
      .CHANNELS(CHANNELS),
      .ROWS    (HEADDIM),
      .D_STATE (D_STATE)
  ) u_state_writer (
      .clk_i,
      .rst_ni,
      .is_short_i,
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

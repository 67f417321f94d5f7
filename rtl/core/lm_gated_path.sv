// From y and z to the input of out_proj: y is rounded to bfp8 blocks and gated by z, the result is
// squared for the gated norm, multiplied by the gains of its channels and rotated.
`include "lm_assert.svh"

module lm_gated_path #(
    parameter int unsigned MAX_M = 40,
    parameter int unsigned MIX_LANES = 2,
    parameter int unsigned OUT_LANES = 1,
    parameter int unsigned QUEUE_DEPTH = 256,  // of z
    localparam int unsigned SIGN_ADDRESS_BITS = $clog2(MAX_M),
    localparam int unsigned M_BITS = $clog2(MAX_M + 1)
) (
    input  logic clk_i,
    input  logic rst_ni,
    // verilator lint_off UNUSEDSIGNAL
    input  lm_types_pkg::control_t control_i,
    // verilator lint_on UNUSEDSIGNAL
    input  logic [15:0]       d_inner_i,
    input  logic [M_BITS-1:0] hadamard_m_i,
    input  logic [2:0]        log2_hadamard_n_i,
    input  logic [63:0]       epsilon_i,

    // Records of the parameters: signs of the rotation, gains.
    input  logic [127:0]                 record_i,
    input  logic                         signs_write_i,
    input  logic [SIGN_ADDRESS_BITS-1:0] signs_address_i,
    input  logic                         gain_record_valid_i,
    output logic                         gain_record_ready_o,

    input  logic                y_valid_i,
    output logic                y_ready_o,
    input  logic signed [lightmamba_pkg::OUTPUT_BITS-1:0] y_i,
    input  logic                z_valid_i,
    output logic                z_ready_o,
    input  lm_types_pkg::bfp8_t z_i,

    output logic        rotated_valid_o,
    input  logic        rotated_ready_i,
    output logic [OUT_LANES*lightmamba_pkg::ROTATED_BITS-1:0] rotated_o,
    output logic        sum_valid_o,  // of the squares
    input  logic        sum_ready_i,
    output logic [63:0] sum_o
);
  localparam logic signed [7:0] FIXED_POINT = -8'(lightmamba_pkg::FRACTION_BITS);
  localparam int unsigned GATED_BITS = lightmamba_pkg::GATED_BITS;
  localparam int unsigned SQUARE_SHIFT = 12;
  localparam int unsigned GAIN_RECORDS = 32;  // that wait here

  logic y_valid, y_ready, z_valid, z_ready;
  lm_types_pkg::bfp8_t y, z;

  lm_round_bfp8 #(
      .LANES  (1),
      .IN_BITS(lightmamba_pkg::OUTPUT_BITS)
  ) u_round_y (
      .clk_i,
      .rst_ni,
      .in_valid_i    (y_valid_i),
      .in_ready_o    (y_ready_o),
      .in_values_i   (y_i),
      .in_exponent_i (FIXED_POINT),
      .out_valid_o   (y_valid),
      .out_ready_i   (y_ready),
      .out_codes_o   (y.code),
      .out_exponent_o(y.exponent)
  );

  lm_credit_fifo #(
      .WIDTH(lm_types_pkg::BFP8_BITS),
      .DEPTH(QUEUE_DEPTH)
  ) u_z_queue (
      .clk_i,
      .rst_ni,
      .has_room_o(z_ready_o),
      .reserve_i (z_valid_i && z_ready_o),
      .push_i    (z_valid_i && z_ready_o),
      .data_i    (z_i),
      .valid_o   (z_valid),
      .ready_i   (z_ready),
      .data_o    (z)
  );

  logic gated_valid, gated_ready, squares_ready, gain_in_ready;
  logic signed [GATED_BITS-1:0] gated;
  logic [15:0] channel_q;

  lm_gate_unit u_gate (
      .clk_i,
      .rst_ni,
      .y_valid_i   (y_valid),
      .y_ready_o   (y_ready),
      .y_code_i    (y.code),
      .y_exponent_i(y.exponent),
      .z_valid_i   (z_valid),
      .z_ready_o   (z_ready),
      .z_code_i    (z.code),
      .z_exponent_i(z.exponent),
      .out_valid_o (gated_valid),
      .out_ready_i (gated_ready),
      .out_value_o (gated)
  );

  // A value goes to the squares and to its gain at once.
  assign gated_ready = gain_in_ready && squares_ready;

  always_ff @(posedge clk_i) begin
    if (control_i.product_start) channel_q <= '0;
    else if (gated_valid && gated_ready) channel_q <= channel_q + 16'd1;
  end

  lm_sum_of_squares_unit #(
      .LANES  (1),
      .IN_BITS(GATED_BITS),
      .SHIFT  (SQUARE_SHIFT)
  ) u_squares (
      .clk_i,
      .rst_ni,
      .epsilon_i,
      .in_valid_i (gated_valid && gain_in_ready),
      .in_ready_o (squares_ready),
      .in_last_i  (channel_q == d_inner_i - 16'd1),
      .in_values_i(gated),
      .out_valid_o(sum_valid_o),
      .out_ready_i(sum_ready_i),
      .out_sum_o  (sum_o)
  );

  logic gains_valid, gains_ready, gained_valid, gained_ready;
  logic [127:0] gains;
  logic signed [lightmamba_pkg::GAINED_BITS-1:0] gained;

  lm_credit_fifo #(
      .WIDTH(128),
      .DEPTH(GAIN_RECORDS)
  ) u_gain_queue (
      .clk_i,
      .rst_ni,
      .has_room_o(gain_record_ready_o),
      .reserve_i (gain_record_valid_i && gain_record_ready_o),
      .push_i    (gain_record_valid_i && gain_record_ready_o),
      .data_i    (record_i),
      .valid_o   (gains_valid),
      .ready_i   (gains_ready),
      .data_o    (gains)
  );

  lm_gain_unit u_gain (
      .clk_i,
      .rst_ni,
      .record_valid_i(gains_valid),
      .record_ready_o(gains_ready),
      .record_i      (gains),
      .in_valid_i    (gated_valid && squares_ready),
      .in_ready_o    (gain_in_ready),
      .in_value_i    (gated),
      .out_valid_o   (gained_valid),
      .out_ready_i   (gained_ready),
      .out_value_o   (gained)
  );

  logic rotation_ready, rotated_last;

  lm_htu #(
      .MAX_M    (MAX_M),
      .MIX_LANES(MIX_LANES),
      .OUT_LANES(OUT_LANES)
  ) u_rotation (
      .clk_i,
      .rst_ni,
      .signs_write_i,
      .signs_address_i,
      .signs_i      (record_i[MAX_M-1:0]),
      .start_valid_i(control_i.in_proj_start),
      .start_ready_o(rotation_ready),
      .m_i          (hadamard_m_i),
      .log2_n_i     (log2_hadamard_n_i),
      .x_valid_i    (gained_valid),
      .x_ready_o    (gained_ready),
      .x_i          (gained),
      .y_valid_o    (rotated_valid_o),
      .y_ready_i    (rotated_ready_i),
      .y_o          (rotated_o),
      .y_last_o     (rotated_last)
  );

  // The rotation is idle whenever it is started, and the loader counts what comes of it.
  logic unused;
  assign unused = &{1'b0, rotation_ready, rotated_last};

  `LM_ASSERT_START(rotation_starts_when_ready, control_i.in_proj_start, rotation_ready)
endmodule

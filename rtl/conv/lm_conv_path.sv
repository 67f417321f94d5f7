// From a code of the conv's input to a code of its output, a channel per cycle: conv, silu, and
// rounding to a block again. The record of a channel (weights, bias) and its three older codes come
// with it, and the codes for the next token go back to memory (docs/memory-map.md). As
// Pass::convolve() of src/accel/numerics/golden_model.cpp.
module lm_conv_path (
    input  logic         clk_i,
    input  logic         rst_ni,
    input  logic         in_valid_i,
    output logic         in_ready_o,
    input  logic [7:0]   in_code_i,
    input  logic [7:0]   in_exponent_i,
    input  logic         record_valid_i,
    output logic         record_ready_o,
    input  logic [127:0] record_i,
    input  logic         conv_state_valid_i,
    output logic         conv_state_ready_o,
    input  logic [63:0]  conv_state_i,
    output logic         conv_state_valid_o,
    input  logic         conv_state_ready_i,
    output logic [63:0]  conv_state_o,
    output logic         out_valid_o,
    input  logic         out_ready_i,
    output logic [7:0]   out_code_o,
    output logic [7:0]   out_exponent_o
);
  localparam int unsigned ACTIVATION_BITS = lightmamba_pkg::ACTIVATION_BITS;

  logic in_fire, conv_ready, conv_state_has_room;
  logic sum_valid, sum_ready, value_valid, value_ready;
  logic [ACTIVATION_BITS-1:0] sum, value;

  assign in_fire = in_valid_i && record_valid_i && conv_state_valid_i && conv_ready &&
      conv_state_has_room;
  assign in_ready_o         = in_fire;
  assign record_ready_o     = in_fire;
  assign conv_state_ready_o = in_fire;

  lm_conv_unit #(
      .LANES(1)
  ) u_conv (
      .clk_i,
      .rst_ni,
      .in_valid_i        (in_fire),
      .in_ready_o        (conv_ready),
      .codes_i           (in_code_i),
      .exponent_i        (in_exponent_i),
      .older_codes_i     (conv_state_i[23:0]),
      .older_exponents_i (conv_state_i[47:24]),
      .weights_i         (record_i[31:0]),
      .weight_exponents_i(record_i[39:32]),
      .biases_i          (record_i[64+:ACTIVATION_BITS]),
      .out_valid_o       (sum_valid),
      .out_ready_i       (sum_ready),
      .sums_o            (sum)
  );

  lm_silu_unit #(
      .LANES(1)
  ) u_silu (
      .clk_i,
      .rst_ni,
      .in_valid_i  (sum_valid),
      .in_ready_o  (sum_ready),
      .in_values_i (sum),
      .out_valid_o (value_valid),
      .out_ready_i (value_ready),
      .out_values_o(value)
  );

  lm_round_bfp8 #(
      .LANES  (1),
      .IN_BITS(ACTIVATION_BITS)
  ) u_round_block (
      .clk_i,
      .rst_ni,
      .in_valid_i    (value_valid),
      .in_ready_o    (value_ready),
      .in_values_i   (value),
      .in_exponent_i (-8'(lightmamba_pkg::FRACTION_BITS)),
      .out_valid_o,
      .out_ready_i,
      .out_codes_o   (out_code_o),
      .out_exponent_o(out_exponent_o)
  );

  // Without the oldest code, with the new one.
  lm_credit_fifo #(
      .WIDTH(48),
      .DEPTH(4)
  ) u_conv_states (
      .clk_i,
      .rst_ni,
      .has_room_o(conv_state_has_room),
      .reserve_i (in_fire),
      .push_i    (in_fire),
      .data_i    ({in_exponent_i, conv_state_i[47:32], in_code_i, conv_state_i[23:8]}),
      .valid_o   (conv_state_valid_o),
      .ready_i   (conv_state_ready_i),
      .data_o    (conv_state_o[47:0])
  );
  assign conv_state_o[63:48] = '0;

  logic unused;
  assign unused = &{1'b0, record_i[127:64+ACTIVATION_BITS], record_i[63:40], conv_state_i[63:48]};
endmodule

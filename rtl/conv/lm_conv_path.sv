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
    input  logic         atom_valid_i,
    output logic         atom_ready_o,
    input  logic [127:0] atom_i,
    input  logic         window_valid_i,
    output logic         window_ready_o,
    input  logic [63:0]  window_i,
    output logic         window_valid_o,
    input  logic         window_ready_i,
    output logic [63:0]  window_o,
    output logic         out_valid_o,
    input  logic         out_ready_i,
    output logic [7:0]   out_code_o,
    output logic [7:0]   out_exponent_o
);
  localparam int unsigned ACTIVATION_BITS = lightmamba_pkg::ACTIVATION_BITS;

  logic takes, conv_ready, window_has_room;
  logic sum_valid, sum_ready, value_valid, value_ready;
  logic [ACTIVATION_BITS-1:0] sum, value;

  assign takes = in_valid_i && atom_valid_i && window_valid_i && conv_ready && window_has_room;
  assign in_ready_o     = takes;
  assign atom_ready_o   = takes;
  assign window_ready_o = takes;

  lm_conv_unit #(
      .LANES(1)
  ) conv (
      .clk_i,
      .rst_ni,
      .in_valid_i        (takes),
      .in_ready_o        (conv_ready),
      .codes_i           (in_code_i),
      .exponent_i        (in_exponent_i),
      .older_codes_i     (window_i[23:0]),
      .older_exponents_i (window_i[47:24]),
      .weights_i         (atom_i[31:0]),
      .weight_exponents_i(atom_i[39:32]),
      .biases_i          (atom_i[64+:ACTIVATION_BITS]),
      .out_valid_o       (sum_valid),
      .out_ready_i       (sum_ready),
      .sums_o            (sum)
  );

  lm_silu_unit #(
      .LANES(1)
  ) silu (
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
  ) round_block (
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
  ) windows (
      .clk_i,
      .rst_ni,
      .has_room_o(window_has_room),
      .reserve_i (takes),
      .push_i    (takes),
      .data_i    ({in_exponent_i, window_i[47:32], in_code_i, window_i[23:8]}),
      .valid_o   (window_valid_o),
      .ready_i   (window_ready_i),
      .data_o    (window_o[47:0])
  );
  assign window_o[63:48] = '0;

  logic unused;
  assign unused = &{1'b0, atom_i[127:64+ACTIVATION_BITS], atom_i[63:40], window_i[63:48]};
endmodule

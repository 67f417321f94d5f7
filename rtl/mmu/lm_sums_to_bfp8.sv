// Blocks of sums of a linear layer, times an inverse root, to 8-bit codes with an exponent. One
// beat of LANES per cycle, blocks without idle cycles between; the first codes of a block leave 64
// / LANES + 2 $clog2(LANES) + 18 cycles after its last sums have come. As sums_to_bfp8() of
// src/accel/numerics/sum_units.h; the codes' exponent has to fit.
module lm_sums_to_bfp8 #(
    parameter int unsigned LANES = 4
) (
    input  logic clk_i,
    input  logic rst_ni,
    input  logic in_valid_i,
    output logic in_ready_o,
    input  logic [LANES*lightmamba_pkg::ACCUMULATOR_BITS-1:0] in_sums_i,
    // With the last beat of a block: the inverse root's mantissa, and the exponent of sum and root.
    input  logic [lightmamba_pkg::ROOT_BITS-1:0] in_mantissa_i,
    input  logic signed [lightmamba_pkg::EXPONENT_BITS-1:0] in_exponent_i,
    output logic out_valid_o,
    input  logic out_ready_i,
    output logic [LANES*lightmamba_pkg::BLOCK_CODE_BITS-1:0] out_codes_o,
    output logic signed [lightmamba_pkg::EXPONENT_BITS-1:0] out_exponent_o
);
  localparam int unsigned EXPONENT_BITS = lightmamba_pkg::EXPONENT_BITS;
  localparam int unsigned ACCUMULATOR_BITS = lightmamba_pkg::ACCUMULATOR_BITS;
  localparam int unsigned KEPT_BITS = lightmamba_pkg::KEPT_BITS;
  localparam int unsigned ROOT_BITS = lightmamba_pkg::ROOT_BITS;

  localparam int unsigned PRODUCT_BITS = KEPT_BITS + ROOT_BITS;
  localparam int unsigned TAG_BITS = ROOT_BITS + EXPONENT_BITS;
  localparam int unsigned LENGTH_BITS = $clog2(ACCUMULATOR_BITS + 1);
  localparam logic [LENGTH_BITS-1:0] KEPT_LENGTH = LENGTH_BITS'(KEPT_BITS - 1);

  logic beat_valid, beat_ready, unused_is_above, advance, product_valid, product_ready;
  logic [LANES*ACCUMULATOR_BITS-1:0] sums, sum_1_q;
  logic [LENGTH_BITS-1:0] length;
  logic [ROOT_BITS-1:0] mantissa, mantissa_1_q;
  logic signed [EXPONENT_BITS-1:0] exponent, exponent_1_q, exponent_4;

  lm_bfp8_buffer #(
      .LANES   (LANES),
      .BITS    (ACCUMULATOR_BITS),
      .TAG_BITS(TAG_BITS)
  ) u_block_buffer (
      .clk_i,
      .rst_ni,
      .in_valid_i,
      .in_ready_o,
      .in_values_i   (in_sums_i),
      .in_tag_i      ({in_mantissa_i, in_exponent_i}),
      .out_valid_o   (beat_valid),
      .out_ready_i   (beat_ready),
      .out_values_o  (sums),
      .out_length_o  (length),
      .out_is_above_o(unused_is_above),
      .out_tag_o     ({mantissa, exponent})
  );

  lm_pipeline #(.CYCLES(4)) u_pipeline (
      .clk_i,
      .rst_ni,
      .in_valid_i (beat_valid),
      .in_ready_o (beat_ready),
      .advance_o  (advance),
      .out_valid_o(product_valid),
      .out_ready_i(product_ready)
  );

  logic [4:0] shift, shift_1_q;

  assign shift = length > KEPT_LENGTH ? 5'(length - KEPT_LENGTH) : '0;

  always_ff @(posedge clk_i) begin
    if (advance) begin
      sum_1_q      <= sums;
      mantissa_1_q <= mantissa;
      shift_1_q    <= shift;
      exponent_1_q <= exponent + EXPONENT_BITS'(shift);
    end
  end

  logic [LANES*PRODUCT_BITS-1:0] products;

  for (genvar lane = 0; lane < LANES; lane++) begin : gen_lane
    lm_sum_times_root u_scaled_product (
        .clk_i,
        .advance_i (advance),
        .sum_i     (sum_1_q[lane*ACCUMULATOR_BITS+:ACCUMULATOR_BITS]),
        .shift_i   (shift_1_q),
        .mantissa_i(mantissa_1_q),
        .product_o (products[lane*PRODUCT_BITS+:PRODUCT_BITS])
    );
  end

  lm_shift_register #(.BITS(EXPONENT_BITS), .CYCLES(3)) u_delay_exponent (
      .clk_i,
      .advance_i(advance),
      .x_i      (exponent_1_q),
      .y_o      (exponent_4)
  );

  lm_round_bfp8 #(.LANES(LANES), .IN_BITS(PRODUCT_BITS)) u_round_block (
      .clk_i,
      .rst_ni,
      .in_valid_i   (product_valid),
      .in_ready_o   (product_ready),
      .in_values_i  (products),
      .in_exponent_i(exponent_4),
      .out_valid_o,
      .out_ready_i,
      .out_codes_o,
      .out_exponent_o
  );
endmodule

// Sums of a linear layer, times an inverse root, to fixed point of OUT_BITS, each for itself. One
// beat of LANES per cycle, 6 cycles of latency. As sum_to_fixed() of
// src/accel/numerics/sum_units.h.
`include "lm_assert.svh"

module lm_sums_to_fixed #(
    parameter int unsigned LANES = 4,
    parameter int unsigned OUT_BITS = 26
) (
    input  logic                      clk_i,
    input  logic                      rst_ni,
    input  logic                      in_valid_i,
    output logic                      in_ready_o,
    input  logic [LANES*lightmamba_pkg::ACCUMULATOR_BITS-1:0] in_sums_i,
    input  logic [lightmamba_pkg::ROOT_BITS-1:0] in_mantissa_i,  // of the inverse root
    input  logic signed [lightmamba_pkg::EXPONENT_BITS-1:0] in_exponent_i,  // of sum and root
    input  logic signed [lightmamba_pkg::EXPONENT_BITS-1:0] in_fraction_bits_i,
    output logic                      out_valid_o,
    input  logic                      out_ready_i,
    output logic [LANES*OUT_BITS-1:0] out_values_o
);
  localparam int unsigned ACCUMULATOR_BITS = lightmamba_pkg::ACCUMULATOR_BITS;
  localparam int unsigned ROOT_BITS = lightmamba_pkg::ROOT_BITS;

  logic advance;
  logic signed [9:0] left_2;
  logic [ROOT_BITS-1:0] mantissa_2;

  lm_pipeline #(.CYCLES(6)) u_pipeline (
      .clk_i,
      .rst_ni,
      .in_valid_i,
      .in_ready_o,
      .advance_o(advance),
      .out_valid_o,
      .out_ready_i
  );

  lm_shift_register #(.BITS(10 + ROOT_BITS), .CYCLES(2)) u_delay (
      .clk_i,
      .advance_i(advance),
      .x_i      ({10'(in_exponent_i) + 10'(in_fraction_bits_i), in_mantissa_i}),
      .y_o      ({left_2, mantissa_2})
  );

  for (genvar lane = 0; lane < LANES; lane++) begin : gen_lane
    lm_sums_to_fixed_lane #(.OUT_BITS(OUT_BITS)) u_scale_sum_lane (
        .clk_i,
        .advance_i   (advance),
        .sum_i       (in_sums_i[lane*ACCUMULATOR_BITS+:ACCUMULATOR_BITS]),
        .left_2_i    (left_2),
        .mantissa_2_i(mantissa_2),
        .value_o     (out_values_o[lane*OUT_BITS+:OUT_BITS])
    );
  end

  `LM_ASSERT_STREAM(out_holds, out_valid_o, out_ready_i, out_values_o)
endmodule

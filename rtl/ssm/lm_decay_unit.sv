// dt = softplus(raw + bias) within its limits, and 1 - a = 1 - exp(-A dt), of one head per cycle;
// 22 cycles of latency. The limits are constant while there is work. Exponents of results have to
// fit. As compute_decay() of src/accel/numerics/ssm_unit.h.
`include "lm_assert.svh"

module lm_decay_unit (
    input  logic                     clk_i,
    input  logic                     rst_ni,
    input  lm_types_pkg::dt_limits_t limits_i,
    input  logic                     in_valid_i,
    output logic                     in_ready_o,
    input  logic signed [lightmamba_pkg::DT_BITS-1:0] in_raw_i,
    input  logic signed [lightmamba_pkg::DT_BITS-1:0] in_bias_i,
    input  logic [15:0]              in_a_mantissa_i,
    input  logic signed [lightmamba_pkg::EXPONENT_BITS-1:0] in_a_exponent_i,
    output logic                     out_valid_o,
    input  logic                     out_ready_i,
    output lm_types_pkg::decay_t     out_decay_o
);
  localparam int unsigned EXPONENT_BITS = lightmamba_pkg::EXPONENT_BITS;
  localparam logic signed [7:0] ZERO_EXPONENT = lightmamba_pkg::ZERO_EXPONENT;
  localparam int unsigned DT_BITS = lightmamba_pkg::DT_BITS;
  localparam int unsigned SIGNIFICANT_BITS = lightmamba_pkg::SIGNIFICANT_BITS;

  localparam int unsigned A_BITS = 16;
  localparam int unsigned PRODUCT_BITS = A_BITS + SIGNIFICANT_BITS;

  logic advance;

  lm_pipeline #(.CYCLES(22)) u_pipeline (
      .clk_i,
      .rst_ni,
      .in_valid_i,
      .in_ready_o,
      .advance_o(advance),
      .out_valid_o,
      .out_ready_i
  );

  logic signed [DT_BITS:0] biased;
  logic signed [DT_BITS-1:0] x_1_q;

  assign biased = (DT_BITS + 1)'(in_raw_i) + (DT_BITS + 1)'(in_bias_i);

  always_ff @(posedge clk_i) begin
    if (advance) begin
      if (biased[DT_BITS] == biased[DT_BITS-1]) x_1_q <= biased[DT_BITS-1:0];
      else x_1_q <= {biased[DT_BITS], {(DT_BITS - 1) {~biased[DT_BITS]}}};
    end
  end

  logic [15:0] dt_16;
  logic signed [9:0] dt_exponent_16;
  logic signed [EXPONENT_BITS-1:0] dt_exponent_8;
  logic [SIGNIFICANT_BITS-1:0] dt_8;

  lm_softplus u_softplus (
      .clk_i,
      .advance_i (advance),
      .x_i       (x_1_q),
      .mantissa_o(dt_16),
      .exponent_o(dt_exponent_16)
  );

  lm_round_mantissa #(
      .IN_BITS      (16),
      .OUT_BITS     (SIGNIFICANT_BITS),
      .EXPONENT_BITS(EXPONENT_BITS)
  ) u_round_dt (
      .mantissa_i(dt_16),
      .exponent_i(EXPONENT_BITS'(dt_exponent_16 + 10'sd8)),
      .mantissa_o(dt_8),
      .exponent_o(dt_exponent_8)
  );

  lm_types_pkg::scaled_t dt_8_q, dt_9_q, dt_10_q, dt_21;
  logic is_below, is_above;

  lm_scaled_less u_is_below (
      .a_i      (dt_8_q),
      .b_i      (limits_i.min),
      .is_less_o(is_below)
  );

  lm_scaled_less u_is_above (
      .a_i      (limits_i.max),
      .b_i      (dt_9_q),
      .is_less_o(is_above)
  );

  always_ff @(posedge clk_i) begin
    if (advance) begin
      dt_8_q  <= {dt_exponent_8, dt_8};
      dt_9_q  <= is_below ? limits_i.min : dt_8_q;
      dt_10_q <= is_above ? limits_i.max : dt_9_q;
    end
  end

  logic [A_BITS-1:0] a_10;
  logic signed [EXPONENT_BITS-1:0] a_exponent_10;
  logic [PRODUCT_BITS-1:0] product_11_q;
  logic signed [9:0] exponent_11_q;

  lm_shift_register #(.BITS(A_BITS + EXPONENT_BITS), .CYCLES(10)) u_delay_a (
      .clk_i,
      .advance_i(advance),
      .x_i      ({in_a_mantissa_i, in_a_exponent_i}),
      .y_o      ({a_10, a_exponent_10})
  );

  always_ff @(posedge clk_i) begin
    if (advance) begin
      product_11_q  <= PRODUCT_BITS'(a_10) * PRODUCT_BITS'(dt_10_q.mantissa);
      exponent_11_q <= 10'(a_exponent_10) + 10'(signed'(dt_10_q.exponent));
    end
  end

  logic [15:0] complement_16;
  logic signed [9:0] complement_exponent_16;
  logic signed [EXPONENT_BITS-1:0] complement_exponent_8;
  logic [SIGNIFICANT_BITS-1:0] complement_8;

  lm_one_minus_exp #(.IN_BITS(PRODUCT_BITS)) u_one_minus_exp (
      .clk_i,
      .advance_i (advance),
      .mantissa_i(product_11_q),
      .exponent_i(exponent_11_q),
      .mantissa_o(complement_16),
      .exponent_o(complement_exponent_16)
  );

  lm_round_mantissa #(
      .IN_BITS      (16),
      .OUT_BITS     (SIGNIFICANT_BITS),
      .EXPONENT_BITS(EXPONENT_BITS)
  ) u_round_complement (
      .mantissa_i(complement_16),
      .exponent_i(EXPONENT_BITS'(complement_exponent_16 + 10'sd8)),
      .mantissa_o(complement_8),
      .exponent_o(complement_exponent_8)
  );

  lm_shift_register #(.BITS(EXPONENT_BITS + SIGNIFICANT_BITS), .CYCLES(11)) u_delay_dt (
      .clk_i,
      .advance_i(advance),
      .x_i      (dt_10_q),
      .y_o      (dt_21)
  );

  always_ff @(posedge clk_i) begin
    if (advance) begin
      out_decay_o.dt                  <= dt_21;
      out_decay_o.complement.mantissa <= complement_8;
      out_decay_o.complement.exponent <= complement_8 == '0 ? ZERO_EXPONENT : complement_exponent_8;
    end
  end

  `LM_ASSERT_STREAM(out_holds, out_valid_o, out_ready_i, out_decay_o)
endmodule

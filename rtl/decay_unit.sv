// dt = softplus(raw + bias) within its limits, and rest = 1 - exp(-A dt), of one head per cycle;
// 22 cycles of latency. The limits are constant while there is work. Exponents of results have to
// fit. As compute_decay() of src/accel/numerics/ssm_unit.h.
module decay_unit (
    input  logic clk_i,
    input  logic rst_ni,
    input  logic [lightmamba_pkg::SIGNIFICANT_BITS-1:0] least_mantissa_i,
    input  logic signed [lightmamba_pkg::EXPONENT_BITS-1:0] least_exponent_i,
    input  logic [lightmamba_pkg::SIGNIFICANT_BITS-1:0] most_mantissa_i,
    input  logic signed [lightmamba_pkg::EXPONENT_BITS-1:0] most_exponent_i,
    input  logic in_valid_i,
    output logic in_ready_o,
    input  logic signed [lightmamba_pkg::DT_BITS-1:0] in_raw_i,
    input  logic signed [lightmamba_pkg::DT_BITS-1:0] in_bias_i,
    input  logic [15:0] in_a_mantissa_i,
    input  logic signed [lightmamba_pkg::EXPONENT_BITS-1:0] in_a_exponent_i,
    output logic out_valid_o,
    input  logic out_ready_i,
    output logic [lightmamba_pkg::SIGNIFICANT_BITS-1:0] out_dt_mantissa_o,
    output logic signed [lightmamba_pkg::EXPONENT_BITS-1:0] out_dt_exponent_o,
    output logic [lightmamba_pkg::SIGNIFICANT_BITS-1:0] out_rest_mantissa_o,
    output logic signed [lightmamba_pkg::EXPONENT_BITS-1:0] out_rest_exponent_o
);
  import lightmamba_pkg::*;

  localparam int unsigned A_BITS = 16;
  localparam int unsigned PRODUCT_BITS = A_BITS + SIGNIFICANT_BITS;

  typedef struct packed {
    logic signed [EXPONENT_BITS-1:0] exponent;
    logic [SIGNIFICANT_BITS-1:0] mantissa;
  } scaled_t;

  function automatic logic is_less(input scaled_t a, input scaled_t b);  // of normalized numbers
    if (a.mantissa == '0 || b.mantissa == '0) is_less = a.mantissa < b.mantissa;
    else if (a.exponent != b.exponent) is_less = a.exponent < b.exponent;
    else is_less = a.mantissa < b.mantissa;
  endfunction

  logic advance;

  pipeline #(.CYCLES(22)) pipeline_u (
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

  softplus softplus_u (
      .clk_i,
      .advance_i(advance),
      .x_i(x_1_q),
      .mantissa_o(dt_16),
      .exponent_o(dt_exponent_16)
  );

  round_mantissa #(
      .IN_BITS(16),
      .OUT_BITS(SIGNIFICANT_BITS),
      .EXPONENT_BITS(EXPONENT_BITS)
  ) round_dt_u (
      .mantissa_i(dt_16),
      .exponent_i(EXPONENT_BITS'(dt_exponent_16 + 10'sd8)),
      .mantissa_o(dt_8),
      .exponent_o(dt_exponent_8)
  );

  scaled_t least, most, dt_8_q, dt_9_q, dt_10_q, dt_21;

  assign least = {least_exponent_i, least_mantissa_i};
  assign most  = {most_exponent_i, most_mantissa_i};

  always_ff @(posedge clk_i) begin
    if (advance) begin
      dt_8_q  <= {dt_exponent_8, dt_8};
      dt_9_q  <= is_less(dt_8_q, least) ? least : dt_8_q;
      dt_10_q <= is_less(most, dt_9_q) ? most : dt_9_q;
    end
  end

  logic [A_BITS-1:0] a_10;
  logic signed [EXPONENT_BITS-1:0] a_exponent_10;
  logic [PRODUCT_BITS-1:0] product_11_q;
  logic signed [9:0] exponent_11_q;

  delay #(.BITS(A_BITS + EXPONENT_BITS), .CYCLES(10)) delay_a_u (
      .clk_i,
      .advance_i(advance),
      .x_i({in_a_mantissa_i, in_a_exponent_i}),
      .y_o({a_10, a_exponent_10})
  );

  always_ff @(posedge clk_i) begin
    if (advance) begin
      product_11_q  <= PRODUCT_BITS'(a_10) * PRODUCT_BITS'(dt_10_q.mantissa);
      exponent_11_q <= 10'(a_exponent_10) + 10'(signed'(dt_10_q.exponent));
    end
  end

  logic [15:0] rest_16;
  logic signed [9:0] rest_exponent_16;
  logic signed [EXPONENT_BITS-1:0] rest_exponent_8;
  logic [SIGNIFICANT_BITS-1:0] rest_8;

  one_minus_exp #(.IN_BITS(PRODUCT_BITS)) one_minus_exp_u (
      .clk_i,
      .advance_i(advance),
      .mantissa_i(product_11_q),
      .exponent_i(exponent_11_q),
      .mantissa_o(rest_16),
      .exponent_o(rest_exponent_16)
  );

  round_mantissa #(
      .IN_BITS(16),
      .OUT_BITS(SIGNIFICANT_BITS),
      .EXPONENT_BITS(EXPONENT_BITS)
  ) round_rest_u (
      .mantissa_i(rest_16),
      .exponent_i(EXPONENT_BITS'(rest_exponent_16 + 10'sd8)),
      .mantissa_o(rest_8),
      .exponent_o(rest_exponent_8)
  );

  delay #(.BITS(EXPONENT_BITS + SIGNIFICANT_BITS), .CYCLES(11)) delay_dt_u (
      .clk_i,
      .advance_i(advance),
      .x_i(dt_10_q),
      .y_o(dt_21)
  );

  always_ff @(posedge clk_i) begin
    if (advance) begin
      out_dt_mantissa_o   <= dt_21.mantissa;
      out_dt_exponent_o   <= dt_21.exponent;
      out_rest_mantissa_o <= rest_8;
      out_rest_exponent_o <= rest_8 == '0 ? ZERO_EXPONENT : rest_exponent_8;
    end
  end
endmodule

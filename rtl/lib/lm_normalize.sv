// mantissa 2^exponent with exactly OUT_BITS of mantissa, rounded to the nearest, halves up; zero
// has ZERO_EXPONENT. One number per cycle, 2 cycles of latency.
// As normalize() of src/accel/numerics/functions.h.
module lm_normalize #(
    parameter int unsigned IN_BITS = 24,
    parameter int unsigned OUT_BITS = 16,
    parameter int unsigned EXPONENT_BITS = 10
) (
    input  logic                            clk_i,
    input  logic                            advance_i,
    input  logic [IN_BITS-1:0]              mantissa_i,
    input  logic signed [EXPONENT_BITS-1:0] exponent_i,
    output logic [OUT_BITS-1:0]             mantissa_o,
    output logic signed [EXPONENT_BITS-1:0] exponent_o
);
  localparam int unsigned COUNT_BITS = $clog2(IN_BITS);
  // Room for the bit below the result.
  localparam int unsigned WIDE_BITS = IN_BITS > OUT_BITS ? IN_BITS : OUT_BITS + 1;
  localparam logic signed [EXPONENT_BITS-1:0] MAX_SHIFT =
      EXPONENT_BITS'(signed'(IN_BITS) - signed'(OUT_BITS));

  logic [COUNT_BITS-1:0] zeros, zeros_q;
  logic is_zero, is_zero_q;
  logic [IN_BITS-1:0] mantissa_q;
  logic signed [EXPONENT_BITS-1:0] exponent_q;

  lm_leading_zeros #(.BITS(IN_BITS)) u_leading_zeros (
      .x_i      (mantissa_i),
      .count_o  (zeros),
      .is_zero_o(is_zero)
  );

  always_ff @(posedge clk_i) begin
    if (advance_i) begin
      zeros_q    <= zeros;
      is_zero_q  <= is_zero;
      mantissa_q <= mantissa_i;
      exponent_q <= exponent_i + MAX_SHIFT;
    end
  end

  logic [WIDE_BITS-1:0] aligned;
  logic [OUT_BITS-1:0] mantissa_d;
  logic signed [EXPONENT_BITS-1:0] aligned_exponent, exponent_d;

  assign aligned = (WIDE_BITS'(mantissa_q) << (WIDE_BITS - IN_BITS)) << zeros_q;
  assign aligned_exponent = exponent_q - EXPONENT_BITS'(zeros_q);

  lm_round_mantissa #(
      .IN_BITS      (WIDE_BITS),
      .OUT_BITS     (OUT_BITS),
      .EXPONENT_BITS(EXPONENT_BITS)
  ) u_round_mantissa (
      .mantissa_i(aligned),
      .exponent_i(aligned_exponent),
      .mantissa_o(mantissa_d),
      .exponent_o(exponent_d)
  );

  always_ff @(posedge clk_i) begin
    if (advance_i) begin
      mantissa_o <= mantissa_d;
      exponent_o <= is_zero_q ? EXPONENT_BITS'(lightmamba_pkg::ZERO_EXPONENT) : exponent_d;
    end
  end
endmodule

// a < b of normalized numbers with an exponent above the mantissa. Combinational.
module lm_scaled_less #(
    parameter int unsigned MANTISSA_BITS = 8,
    parameter int unsigned EXPONENT_BITS = 8
) (
    input  logic [EXPONENT_BITS+MANTISSA_BITS-1:0] a_i,
    input  logic [EXPONENT_BITS+MANTISSA_BITS-1:0] b_i,
    output logic is_less_o
);
  logic is_mantissa_less, is_zero;
  logic signed [EXPONENT_BITS-1:0] a_exponent, b_exponent;

  assign a_exponent = a_i[MANTISSA_BITS+:EXPONENT_BITS];
  assign b_exponent = b_i[MANTISSA_BITS+:EXPONENT_BITS];
  assign is_mantissa_less = a_i[MANTISSA_BITS-1:0] < b_i[MANTISSA_BITS-1:0];
  assign is_zero = a_i[MANTISSA_BITS-1:0] == '0 || b_i[MANTISSA_BITS-1:0] == '0;
  assign is_less_o =
      is_zero || a_exponent == b_exponent ? is_mantissa_less : a_exponent < b_exponent;
endmodule

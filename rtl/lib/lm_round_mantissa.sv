// The upper OUT_BITS of a mantissa whose uppermost bit is one (or which is zero), rounded to the
// nearest, halves up; a carry out of it is one more in the exponent. Combinational.
// exponent_i is that of the result without a carry.
module lm_round_mantissa #(
    parameter int unsigned IN_BITS = 16,
    parameter int unsigned OUT_BITS = 8,  // less than IN_BITS
    parameter int unsigned EXPONENT_BITS = 10
) (
    input  logic [IN_BITS-1:0]              mantissa_i,
    input  logic signed [EXPONENT_BITS-1:0] exponent_i,
    output logic [OUT_BITS-1:0]             mantissa_o,
    output logic signed [EXPONENT_BITS-1:0] exponent_o
);
  logic [OUT_BITS:0] kept, rounded;  // with the bit below; with the carry

  assign kept = (OUT_BITS + 1)'(mantissa_i >> (IN_BITS - OUT_BITS - 1));
  assign rounded = {1'b0, kept[OUT_BITS:1]} + (OUT_BITS + 1)'(kept[0]);
  // After a carry all bits below it are zero.
  assign mantissa_o = {rounded[OUT_BITS] | rounded[OUT_BITS-1], rounded[OUT_BITS-2:0]};
  assign exponent_o = exponent_i + EXPONENT_BITS'(rounded[OUT_BITS]);
endmodule

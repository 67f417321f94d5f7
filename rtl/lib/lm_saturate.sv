// x within OUT_BITS. Combinational. As saturate() of src/accel/numerics/fixed_point.h.
module lm_saturate #(
    parameter int unsigned IN_BITS = 32,
    parameter int unsigned OUT_BITS = 26
) (
    input  logic signed [IN_BITS-1:0]  x_i,
    output logic signed [OUT_BITS-1:0] y_o
);
  logic is_inside;

  // All bits above the result are copies of its sign.
  assign is_inside = &x_i[IN_BITS-1:OUT_BITS-1] || !(|x_i[IN_BITS-1:OUT_BITS-1]);
  assign y_o = is_inside ? x_i[OUT_BITS-1:0] : {x_i[IN_BITS-1], {(OUT_BITS - 1) {~x_i[IN_BITS-1]}}};
endmodule

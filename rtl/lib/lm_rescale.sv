// y = x 2^-right to the nearest integer, halves up, within OUT_BITS. Combinational.
// As rescale() of src/accel/numerics/fixed_point.h.
module lm_rescale #(
    parameter int unsigned IN_BITS = 48,
    parameter int unsigned OUT_BITS = 26,
    parameter int unsigned SHIFT_BITS = 8
) (
    input  logic signed [IN_BITS-1:0]    x_i,
    input  logic signed [SHIFT_BITS-1:0] right_i,  // negative: to the left
    output logic signed [OUT_BITS-1:0]   y_o
);
  // Room for the rounding and for all that saturation has to see: a shift by OUT_BITS to the left
  // saturates whatever is not 0.
  localparam int unsigned WIDE_BITS = IN_BITS + OUT_BITS + 1;
  localparam logic signed [SHIFT_BITS:0] MOST_LEFT = (SHIFT_BITS + 1)'(OUT_BITS);
  localparam logic signed [SHIFT_BITS:0] MOST_RIGHT = (SHIFT_BITS + 1)'(IN_BITS + 1);

  logic signed [SHIFT_BITS:0] right, left;
  logic signed [WIDE_BITS-1:0] wide, shifted, half;
  logic is_inside;

  assign right = (SHIFT_BITS + 1)'(right_i);
  assign left  = -right;
  assign wide  = WIDE_BITS'(x_i);

  always_comb begin
    half = '0;
    if (right > 0) begin
      // One bit more than the result, for the rounding.
      half    = wide >>> (right > MOST_RIGHT ? MOST_RIGHT - 1 : right - 1);
      half    = half + WIDE_BITS'(1);
      shifted = half >>> 1;
      if (right > MOST_RIGHT) shifted = '0;
    end else begin
      shifted = wide <<< (left > MOST_LEFT ? MOST_LEFT : left);
    end
  end

  // All bits above the result are copies of its sign.
  assign is_inside = &shifted[WIDE_BITS-1:OUT_BITS-1] | ~(|shifted[WIDE_BITS-1:OUT_BITS-1]);
  assign y_o = is_inside ? shifted[OUT_BITS-1:0]
                         : {shifted[WIDE_BITS-1], {(OUT_BITS - 1) {~shifted[WIDE_BITS-1]}}};
endmodule

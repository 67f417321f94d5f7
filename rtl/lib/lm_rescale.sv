// y = x 2^-shift to the nearest integer, halves up, within OUT_BITS. Combinational.
// As rescale() of src/accel/numerics/fixed_point.h.
module lm_rescale #(
    parameter int unsigned IN_BITS = 48,
    parameter int unsigned OUT_BITS = 26,
    parameter int unsigned SHIFT_BITS = 8
) (
    input  logic signed [IN_BITS-1:0]    x_i,
    input  logic signed [SHIFT_BITS-1:0] shift_i,  // negative: to the left
    output logic signed [OUT_BITS-1:0]   y_o
);
  // Room for the rounding and for all that saturation has to see: a shift by OUT_BITS to the left
  // saturates whatever is not 0.
  localparam int unsigned WIDE_BITS = IN_BITS + OUT_BITS + 1;
  localparam logic signed [SHIFT_BITS:0] MAX_LEFT = (SHIFT_BITS + 1)'(OUT_BITS);
  localparam logic signed [SHIFT_BITS:0] MAX_RIGHT = (SHIFT_BITS + 1)'(IN_BITS + 1);

  logic signed [SHIFT_BITS:0] shift, left;
  logic signed [WIDE_BITS-1:0] wide, shifted, half;
  logic is_inside;

  assign shift = (SHIFT_BITS + 1)'(shift_i);
  assign left  = -shift;
  assign wide  = WIDE_BITS'(x_i);

  always_comb begin
    half = '0;
    if (shift > 0) begin
      // One bit more than the result, for the rounding.
      half    = wide >>> (shift > MAX_RIGHT ? MAX_RIGHT - 1 : shift - 1);
      half    = half + WIDE_BITS'(1);
      shifted = half >>> 1;
      if (shift > MAX_RIGHT) shifted = '0;
    end else begin
      shifted = wide <<< (left > MAX_LEFT ? MAX_LEFT : left);
    end
  end

  // All bits above the result are copies of its sign.
  assign is_inside = &shifted[WIDE_BITS-1:OUT_BITS-1] || !(|shifted[WIDE_BITS-1:OUT_BITS-1]);
  assign y_o = is_inside ? shifted[OUT_BITS-1:0]
                         : {shifted[WIDE_BITS-1], {(OUT_BITS - 1) {~shifted[WIDE_BITS-1]}}};
endmodule

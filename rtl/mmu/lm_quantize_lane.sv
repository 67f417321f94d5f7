// The 4-bit code of a value, given the scale of its group, as quantize_group() of
// src/accel/numerics/quantize_unit.h. One value per cycle, after 6 cycles.
//
// A value is at most the one that the scale comes from, so with a clip of at least 2^-11 what is
// multiplied has T_BITS bits, and unlike the golden model it is not saturated: its code is.
module lm_quantize_lane #(
    parameter int unsigned IN_BITS = 40,
    parameter int unsigned PLACE_BITS = 6
) (
    input  logic                      clk_i,
    input  logic signed [IN_BITS-1:0] x_i,
    input  logic [PLACE_BITS-4:0]     coarse_place_i,  // of lm_quantize_scale's place, with x_i
    input  logic [2:0]                fine_place_i,    // the rest of it, one cycle later
    input  logic signed [17:0]        reciprocal_i,    // three cycles after x_i
    output logic [3:0]                code_o
);
  localparam int unsigned T_BITS = 26;
  localparam int unsigned SHIFTED_BITS = T_BITS + 1;  // with the bit for the rounding
  localparam int unsigned COARSE_BITS = SHIFTED_BITS + 7;
  localparam int unsigned LEFT = 29;  // 18, and the exponent is place - 10, and the rounding
  localparam int unsigned WIDE_BITS = IN_BITS + LEFT;
  localparam int unsigned PRODUCT_BITS = T_BITS + 18;
  localparam int unsigned RECIPROCAL_BITS = 26;
  localparam int unsigned ROUNDED_BITS = PRODUCT_BITS - RECIPROCAL_BITS;

  logic signed [WIDE_BITS-1:0] wide;
  logic signed [COARSE_BITS-1:0] coarse1_q;
  logic signed [SHIFTED_BITS-1:0] shifted2_q;
  logic signed [T_BITS-1:0] t3_q;
  logic signed [PRODUCT_BITS-1:0] product4_q;
  logic signed [ROUNDED_BITS-1:0] rounded5_q;
  logic is_inside;

  assign wide = signed'({x_i, {LEFT{1'b0}}});
  // -8 ... 7: all bits above are copies of the sign.
  assign is_inside = &rounded5_q[ROUNDED_BITS-1:3] || !(|rounded5_q[ROUNDED_BITS-1:3]);

  always_ff @(posedge clk_i) begin
    coarse1_q  <= COARSE_BITS'(wide >>> {coarse_place_i, 3'b000});
    shifted2_q <= SHIFTED_BITS'(coarse1_q >>> fine_place_i);
    t3_q       <= T_BITS'(shifted2_q >>> 1) + signed'(T_BITS'(shifted2_q[0]));
    product4_q <= PRODUCT_BITS'(t3_q) * PRODUCT_BITS'(reciprocal_i);
    rounded5_q <= ROUNDED_BITS'((product4_q + (PRODUCT_BITS'(1) << (RECIPROCAL_BITS - 1)))
                                >>> RECIPROCAL_BITS);
    code_o <= is_inside ? rounded5_q[3:0] : {rounded5_q[ROUNDED_BITS-1],
                                                 {3{~rounded5_q[ROUNDED_BITS-1]}}};
  end
endmodule

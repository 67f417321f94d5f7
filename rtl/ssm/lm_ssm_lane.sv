// One element of the state per cycle: its step, what y gets of it and its magnitude. Never stalls.
// Part of lm_ssm_unit. As the loop of step_channel() of src/accel/numerics/ssm_unit.h.
//
// Nothing saturates. With the shifts of lm_ssm_row, |h| <= 2^15 2^13 = 2^28 and 0 <= (1 - a) |h| <=
// |h|, rounded too, so their difference is within 2^28; |u B| <= 255 2^14 2^5 < 2^27. The step is
// within 2^28 + 2^27 and has 30 bits with sign, not kStepBits, and what C multiplies has 25. Sums
// that are larger in between may wrap.
module lm_ssm_lane (
    input  logic clk_i,
    input  logic is_short_i,  // codes have 8 bits, not 16; steady

    // Cycle 0.
    input  logic signed [15:0] code_i,
    input  logic [7:0]         complement_i,  // mantissa of 1 - a
    input  logic signed [15:0] u_i,
    input  logic signed [7:0]  b_i,

    // Cycle 2.
    input  logic [4:0] kept_shift_i,
    input  logic [4:0] lost_shift_i,
    input  logic [4:0] added_shift_i,

    input  logic signed [7:0] c_i,  // in cycle 6

    output logic signed [29:0] h_o,       // in cycle 5
    output logic [28:0]        size_o,    // in cycle 7
    output logic signed [32:0] product_o  // in cycle 8
);
  // 1 and 2: the products. The terms are as far to the left as they ever go, and a bit more for
  // the rounding.
  logic signed [15:0] code_q, code_2_q;
  logic signed [23:0] lost_product_q, lost_product_2_q, added_product_q, added_product_2_q;
  logic signed [29:0] kept;
  logic signed [30:0] lost;
  logic signed [29:0] added;

  assign kept  = {code_2_q, 14'b0};
  assign lost  = {lost_product_2_q, 7'b0};
  assign added = {added_product_2_q, 6'b0};

  // 3: the shifts.
  logic signed [29:0] kept_q, added_q;
  logic signed [30:0] lost_q;

  // 4 and 5: (kept + 1) / 2 + added / 2, and (lost + 1) / 2 less the rounding of `added`, its
  // lowest bit; then their difference.
  logic signed [29:0] grown_q, shrunk_q, h_q;

  always_ff @(posedge clk_i) begin
    code_q <= code_i;
    code_2_q <= code_q;
    lost_product_q <= 24'(25'(code_i) * 25'($signed({1'b0, complement_i})));
    lost_product_2_q <= lost_product_q;
    added_product_q <= 24'(u_i) * 24'(b_i);
    added_product_2_q <= added_product_q;

    kept_q <= kept >>> kept_shift_i;
    lost_q <= lost >>> lost_shift_i;
    added_q <= added >>> added_shift_i;

    grown_q <= 30'((31'(kept_q) + 31'($signed({added_q[29:1], 1'b1}))) >>> 1);
    shrunk_q <= 30'((lost_q + $signed({{30{added_q[0]}}, 1'b1})) >>> 1);
    h_q <= grown_q - shrunk_q;
  end

  assign h_o = h_q;

  // 6: the magnitude, and what C multiplies.
  // 7 and 8: their use. 2^shift codes of 32767 hold a magnitude m of bit length 15 + shift where
  // m + (m >> 15) has that bit length too: so that of all magnitudes is that of the sums' OR. With
  // codes of 127 they hold m + (m >> 7) up to a rest that the rounder saturates.
  logic [28:0] magnitude_q;
  logic signed [24:0] short_q;
  logic signed [32:0] product_q;

  always_ff @(posedge clk_i) begin
    magnitude_q <= 29'(h_q < 0 ? -h_q : h_q);
    short_q <= 25'((26'(h_q >>> 4) + 26'sd1) >>> 1);
    size_o <= magnitude_q + (is_short_i ? magnitude_q >> 7 : magnitude_q >> 15);
    product_q <= 33'(short_q) * 33'(c_i);
    product_o <= product_q;
  end
endmodule

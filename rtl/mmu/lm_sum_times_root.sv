// A sum to KEPT_BITS, rounded, times the mantissa of an inverse root. One per cycle, 3 cycles of
// latency. As the mantissa of a product of src/accel/numerics/sum_units.h; the shift leaves
// KEPT_BITS or less.
module lm_sum_times_root (
    input  logic       clk_i,
    input  logic       advance_i,
    input  logic signed [lightmamba_pkg::ACCUMULATOR_BITS-1:0] sum_i,
    input  logic [4:0] shift_i,
    input  logic [lightmamba_pkg::ROOT_BITS-1:0] mantissa_i,
    output logic signed [lightmamba_pkg::KEPT_BITS+lightmamba_pkg::ROOT_BITS-1:0] product_o
);
  localparam int unsigned ACCUMULATOR_BITS = lightmamba_pkg::ACCUMULATOR_BITS;
  localparam int unsigned KEPT_BITS = lightmamba_pkg::KEPT_BITS;
  localparam int unsigned ROOT_BITS = lightmamba_pkg::ROOT_BITS;

  localparam int unsigned PRODUCT_BITS = KEPT_BITS + ROOT_BITS;
  localparam logic signed [KEPT_BITS-1:0] MAX = {1'b0, {(KEPT_BITS - 1) {1'b1}}};

  logic signed [ACCUMULATOR_BITS:0] wide;
  logic signed [KEPT_BITS:0] halves_1_q;
  logic signed [KEPT_BITS-1:0] kept_2_q;
  logic [ROOT_BITS-1:0] mantissa_1_q, mantissa_2_q;

  assign wide = {sum_i, 1'b0};

  always_ff @(posedge clk_i) begin
    if (advance_i) begin
      halves_1_q   <= (KEPT_BITS + 1)'(wide >>> shift_i);
      mantissa_1_q <= mantissa_i;

      // Only what lies half below the next power of two could leave the bits.
      if (halves_1_q[KEPT_BITS:1] == MAX) kept_2_q <= MAX;
      else kept_2_q <= halves_1_q[KEPT_BITS:1] + KEPT_BITS'(halves_1_q[0]);
      mantissa_2_q <= mantissa_1_q;

      product_o <= PRODUCT_BITS'(kept_2_q * signed'({1'b0, mantissa_2_q}));
    end
  end
endmodule

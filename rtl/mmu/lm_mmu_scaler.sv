// The sums over groups of dot * multiplier * scale of TURNS rows and slots, which come one after
// another again and again, one each cycle at most. 6 cycles from dot_i to sums_o. Registers as the
// two multipliers' DSPs have them.
module lm_mmu_scaler #(
    parameter int unsigned TURNS = 2,
    parameter int unsigned KEPT = TURNS  // sums that are seen at once
) (
    input  logic clk_i,
    input  logic signed [lightmamba_pkg::DOT_BITS-1:0] dot_i,
    input  logic signed [lightmamba_pkg::MULTIPLIER_BITS-1:0] multiplier_i,
    input  logic signed [lightmamba_pkg::SCALE_BITS-1:0] scale_i,  // 3 cycles after the dot
    input  logic valid_i,                                          // 5 cycles after the dot
    input  logic first_i,  // of the groups; 5 cycles after the dot
    // The last KEPT, the newest highest.
    output logic [lightmamba_pkg::ACCUMULATOR_BITS*KEPT-1:0] sums_o
);
  localparam int unsigned DOT_BITS = lightmamba_pkg::DOT_BITS;
  localparam int unsigned MULTIPLIER_BITS = lightmamba_pkg::MULTIPLIER_BITS;
  localparam int unsigned SCALE_BITS = lightmamba_pkg::SCALE_BITS;
  localparam int unsigned ACCUMULATOR_BITS = lightmamba_pkg::ACCUMULATOR_BITS;

  // |dot| <= 2^13, |multiplier| <= 2^12: the wide operand of a DSP's multiplier.
  localparam int unsigned WIDE_BITS = 27;
  localparam int unsigned PRODUCT_BITS = WIDE_BITS + SCALE_BITS;

  logic signed [DOT_BITS-1:0] dot_q;
  logic signed [MULTIPLIER_BITS-1:0] multiplier_q;
  logic signed [WIDE_BITS-1:0] scaled_q, scaled_q2, scaled_q3;
  logic signed [SCALE_BITS-1:0] scale_q;
  logic signed [PRODUCT_BITS-1:0] product_q;
  logic signed [ACCUMULATOR_BITS-1:0] sum_d, so_far;
  logic [TURNS*ACCUMULATOR_BITS-1:0] sums_q;  // the newest lowest

  assign so_far = signed'(sums_q[(TURNS-1)*ACCUMULATOR_BITS+:ACCUMULATOR_BITS]);

  always_comb begin
    sum_d = ACCUMULATOR_BITS'(product_q);
    if (!first_i) sum_d = sum_d + so_far;
  end

  always_ff @(posedge clk_i) begin
    dot_q <= dot_i;
    multiplier_q <= multiplier_i;
    scaled_q <= WIDE_BITS'(dot_q) * WIDE_BITS'(multiplier_q);
    scaled_q2 <= scaled_q;
    scaled_q3 <= scaled_q2;
    scale_q <= scale_i;
    product_q <= PRODUCT_BITS'(scaled_q3) * PRODUCT_BITS'(scale_q);
  end

  always_ff @(posedge clk_i) begin
    if (valid_i) sums_q <= (TURNS * ACCUMULATOR_BITS)'({sums_q, sum_d});
  end

  for (genvar s = 0; s < KEPT; s++) begin : gen_sum
    assign sums_o[s*ACCUMULATOR_BITS+:ACCUMULATOR_BITS] =
        sums_q[(KEPT-1-s)*ACCUMULATOR_BITS+:ACCUMULATOR_BITS];
  end
endmodule

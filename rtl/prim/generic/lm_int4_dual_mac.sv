// Two 4-bit products with one factor in common, in one multiplier:
//   sum = (high 2^FIELD_BITS + low) x [+ cascade] [+ sum before]
// operands -> 4 cycles -> sum_o and cascade_o; accumulate_i is taken 2 cycles, enable_i 3 cycles
// after the operands. What prim/ultrascale/int4_dual_mac.sv makes of a DSP48E2.
module lm_int4_dual_mac #(
    parameter bit CASCADED = 1'b0,     // adds cascade_i
    parameter bit ACCUMULATES = 1'b0   // adds its last sum where accumulate_i is set
) (
    input  logic                               clk_i,
    input  logic [3:0]                         low_i,
    input  logic [3:0]                         high_i,
    input  logic [3:0]                         x_i,
    input  logic                               accumulate_i,
    input  logic                               enable_i,   // or the sum stays
    input  logic [47:0]                        cascade_i,
    output logic [47:0]                        cascade_o,  // to the next of its kind only
    output logic [lm_mmu_pkg::PACKED_BITS-1:0] sum_o
);
  localparam int unsigned BITS = lm_mmu_pkg::FIELD_BITS + 5;

  logic signed [3:0] low_q, high_q, x_q, x_q2;
  logic signed [BITS-1:0] packed_q;
  logic signed [BITS+3:0] product_q;
  logic [47:0] sum_d, sum_q;
  logic accumulate_q;

  always_comb begin
    sum_d = 48'(product_q);
    if (CASCADED) sum_d += cascade_i;
    if (ACCUMULATES && accumulate_q) sum_d += sum_q;
  end

  always_ff @(posedge clk_i) begin
    low_q <= low_i;
    high_q <= high_i;
    x_q <= x_i;
    x_q2 <= x_q;
    packed_q <= (BITS'(high_q) <<< lm_mmu_pkg::FIELD_BITS) + BITS'(low_q);
    product_q <= (BITS + 4)'(packed_q) * (BITS + 4)'(x_q2);
    accumulate_q <= accumulate_i;
    if (enable_i || !ACCUMULATES) sum_q <= sum_d;
  end

  assign cascade_o = sum_q;
  assign sum_o = sum_q[lm_mmu_pkg::PACKED_BITS-1:0];
endmodule

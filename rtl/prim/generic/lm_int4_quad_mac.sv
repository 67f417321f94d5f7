// Four 4-bit products of two pairs in one multiplier, each in a field of QUAD_FIELD_BITS:
//   sum = wide (high 2^QUAD_FIELD_BITS + low) + (bias or cascade)
// where wide = (its high) 2^(2 QUAD_FIELD_BITS) + (its low). Operands -> 4 cycles -> sum_o and
// cascade_o. What prim/ultrascale/lm_int4_quad_mac.sv makes of a DSP48E2.
module lm_int4_quad_mac #(
    parameter bit CASCADED = 1'b0  // adds cascade_i, or else QUAD_BIAS in each field
) (
    input  logic                                  clk_i,
    input  logic [lm_mmu_pkg::QUAD_WIDE_BITS-1:0] wide_i,
    input  logic [3:0]                            low_i,
    input  logic [3:0]                            high_i,
    input  logic [47:0]                           cascade_i,
    output logic [47:0]                           cascade_o,  // to the next of its kind only
    output logic [lm_mmu_pkg::QUAD_BITS-1:0]      sum_o
);
  localparam int unsigned FIELD_BITS = lm_mmu_pkg::QUAD_FIELD_BITS;
  localparam int unsigned WIDE_BITS = lm_mmu_pkg::QUAD_WIDE_BITS;
  localparam int unsigned NARROW_BITS = FIELD_BITS + 5;
  localparam int unsigned PRODUCT_BITS = WIDE_BITS + NARROW_BITS;

  logic signed [WIDE_BITS-1:0] wide_q, wide_q2;
  logic signed [3:0] low_q, high_q;
  logic signed [NARROW_BITS-1:0] narrow_q;
  logic signed [PRODUCT_BITS-1:0] product_q;
  logic [47:0] sum_q;

  always_ff @(posedge clk_i) begin
    wide_q    <= wide_i;
    wide_q2   <= wide_q;
    low_q     <= low_i;
    high_q    <= high_i;
    narrow_q  <= (NARROW_BITS'(high_q) <<< FIELD_BITS) + NARROW_BITS'(low_q);
    product_q <= PRODUCT_BITS'(wide_q2) * PRODUCT_BITS'(narrow_q);
    sum_q     <= 48'(product_q) + (CASCADED ? cascade_i : lm_mmu_pkg::QUAD_BIASES);
  end

  if (!CASCADED) begin : gen_first
    logic unused;
    assign unused = ^cascade_i;
  end

  assign cascade_o = sum_q;
  assign sum_o     = sum_q[lm_mmu_pkg::QUAD_BITS-1:0];
endmodule

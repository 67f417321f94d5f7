// Dot products of two rows with CHAIN columns that they share, one beat each cycle, summed in a
// cascade of DSPs and, where ACCUMULATES, over the beats in its last one. Both sums are packed in
// one word: low row + high row 2^FIELD_BITS.
module lm_mmu_dot_chain #(
    parameter int unsigned CHAIN = 16,
    parameter bit ACCUMULATES = 1'b0
) (
    input  logic                               clk_i,
    input  logic [4*CHAIN-1:0]                 low_i,
    input  logic [4*CHAIN-1:0]                 high_i,
    input  logic [4*CHAIN-1:0]                 x_i,           // column c comes c cycles late
    input  logic                               accumulate_i,  // CHAIN + 1 cycles after the beat
    input  logic                               enable_i,      // CHAIN + 2 cycles after the beat
    output logic [lm_mmu_pkg::PACKED_BITS-1:0] sum_o          // CHAIN + 3 cycles after the beat
);
  // The output of the last DSP leads nowhere, and so do the sums of the others.
  // verilator lint_off UNUSED
  logic [48*(CHAIN+1)-1:0] cascade;
  logic [lm_mmu_pkg::PACKED_BITS*CHAIN-1:0] sums;
  // verilator lint_on UNUSED

  assign cascade[47:0] = 48'd0;

  for (genvar c = 0; c < CHAIN; c++) begin : gen_column
    logic [7:0] weights;
    lm_shift_register #(
        .BITS  (8),
        .CYCLES(c)
    ) u_skew (
        .clk_i,
        .advance_i(1'b1),
        .x_i      ({high_i[4*c+:4], low_i[4*c+:4]}),
        .y_o      (weights)
    );
    lm_int4_dual_mac #(
        .CASCADED   (c != 0),
        .ACCUMULATES(ACCUMULATES && c == CHAIN - 1)
    ) u_mac (
        .clk_i,
        .low_i    (weights[3:0]),
        .high_i   (weights[7:4]),
        .x_i      (x_i[4*c+:4]),
        .accumulate_i,
        .enable_i,
        .cascade_i(cascade[48*c+:48]),
        .cascade_o(cascade[48*(c+1)+:48]),
        .sum_o    (sums[lm_mmu_pkg::PACKED_BITS*c+:lm_mmu_pkg::PACKED_BITS])
    );
  end

  assign sum_o = sums[lm_mmu_pkg::PACKED_BITS*(CHAIN-1)+:lm_mmu_pkg::PACKED_BITS];
endmodule

// Dot products of ROWS rows with a group of activations, COLUMNS columns each cycle, two 4-bit MACs
// in a DSP48E2. dots_o follows a group's last beat after lm_mmu_pkg::dsp_dot_latency(COLUMNS)
// cycles.
//
// Columns are summed in the cascades of the DSPs, 16 in each, and the cascades by adders. For that
// a column's operands have to come one cycle after those of the column before, which takes a shift
// register LUT for each bit; two of up to 16 bits fit in one LUT, without flip-flops. An adder tree
// over all DSPs would take more than twice as many LUTs, and a flip-flop with each; longer cascades
// would take a whole LUT for each bit, and more cycles. All registers of the DSPs are used, and
// between two registers outside of them there is at most one adder of 33 bits, for 300 MHz.
module lm_mmu_dots_dsp #(
    parameter int unsigned ROWS = 2,
    parameter int unsigned COLUMNS = 32
) (
    input  logic                      clk_i,
    input  logic                      valid_i,
    input  logic                      first_i,  // of a group's beats
    input  logic [4*ROWS*COLUMNS-1:0] weights_i,
    input  logic [4*COLUMNS-1:0]      x_i,
    output logic [lightmamba_pkg::DOT_BITS*ROWS-1:0] dots_o
);
  localparam int unsigned FIELD_BITS = lm_mmu_pkg::FIELD_BITS;
  localparam int unsigned PACKED_BITS = lm_mmu_pkg::PACKED_BITS;
  localparam int unsigned DOT_BITS = lightmamba_pkg::DOT_BITS;
  localparam int unsigned GROUP = lightmamba_pkg::GROUP;

  localparam int unsigned LENGTH = lm_mmu_pkg::chain(COLUMNS);
  localparam int unsigned CHAINS = COLUMNS / LENGTH;
  localparam bit ACCUMULATES = COLUMNS < GROUP;

  logic [4*COLUMNS-1:0] x;
  logic accumulate, enable;

  for (genvar c = 0; c < COLUMNS; c++) begin : gen_skew
    lm_shift_register #(
        .BITS  (4),
        .CYCLES(c % LENGTH)
    ) u_skew (
        .clk_i,
        .advance_i(1'b1),
        .x_i      (x_i[4*c+:4]),
        .y_o      (x[4*c+:4])
    );
  end

  lm_shift_register #(
      .BITS  (1),
      .CYCLES(LENGTH + 1)
  ) u_accumulate_line (
      .clk_i,
      .advance_i(1'b1),
      .x_i      (!first_i),
      .y_o      (accumulate)
  );

  lm_shift_register #(
      .BITS  (1),
      .CYCLES(LENGTH + 2)
  ) u_enable_line (
      .clk_i,
      .advance_i(1'b1),
      .x_i      (valid_i),
      .y_o      (enable)
  );

  for (genvar p = 0; p < ROWS / 2; p++) begin : gen_pair
    logic [CHAINS*PACKED_BITS-1:0] sums;
    logic signed [PACKED_BITS-1:0] sum;
    // Sign copies above the low row's dot product.
    logic unused;

    for (genvar k = 0; k < CHAINS; k++) begin : gen_chain
      lm_mmu_dot_chain #(
          .CHAIN      (LENGTH),
          .ACCUMULATES(ACCUMULATES)
      ) u_dot_chain (
          .clk_i,
          .low_i       (weights_i[4*(2*p*COLUMNS+k*LENGTH)+:4*LENGTH]),
          .high_i      (weights_i[4*((2*p+1)*COLUMNS+k*LENGTH)+:4*LENGTH]),
          .x_i         (x[4*k*LENGTH+:4*LENGTH]),
          .accumulate_i(accumulate),
          .enable_i    (enable),
          .sum_o       (sums[k*PACKED_BITS+:PACKED_BITS])
      );
    end

    lm_adder_tree #(
        .INPUTS  (CHAINS),
        .IN_BITS (PACKED_BITS),
        .OUT_BITS(PACKED_BITS)
    ) u_tree (
        .clk_i,
        .words_i(sums),
        .sum_o  (sum)
    );

    // A negative low row has borrowed from the high one.
    assign dots_o[2*p*DOT_BITS+:DOT_BITS] = sum[DOT_BITS-1:0];
    assign dots_o[(2*p+1)*DOT_BITS+:DOT_BITS] =
        sum[FIELD_BITS+:DOT_BITS] + DOT_BITS'(sum[FIELD_BITS-1]);
    assign unused = ^sum[FIELD_BITS-2:DOT_BITS];
  end
endmodule

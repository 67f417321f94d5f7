// Dot products of each of WIDE vectors with each of NARROW others, both counts even, COLUMNS columns
// of a group each cycle, four 4-bit MACs in a DSP48E2: two of WIDE with two of NARROW. dots_o
// follows a group's last beat after lm_mmu_pkg::quad_dot_latency(COLUMNS) cycles. The wide pairs are
// packed in LUTs, five for a column of a pair: WIDE should be the smaller count.
//
// Columns are summed in cascades of at most CHAIN DSPs, as in lm_mmu_dots_dsp, where all pairs share
// the shift registers that delay a column's operands. A field has no room for more products: what a
// cascade gives is taken apart, and LUTs add cascades and beats. As the first DSP adds a bias to each
// field, fields are numbers without sign and taking them apart costs nothing; the sum over a group
// begins at minus all of its biases.
module lm_mmu_dots_quad #(
    parameter int unsigned WIDE = 2,
    parameter int unsigned NARROW = 2,
    parameter int unsigned COLUMNS = 32
) (
    input  logic                        clk_i,
    input  logic                        valid_i,
    input  logic                        first_i,  // of a group's beats
    input  logic [4*WIDE*COLUMNS-1:0]   wide_i,
    input  logic [4*NARROW*COLUMNS-1:0] narrow_i,
    output logic [lightmamba_pkg::DOT_BITS*WIDE*NARROW-1:0] dots_o  // of w and n: n * WIDE + w
);
  localparam int unsigned FIELD_BITS = lm_mmu_pkg::QUAD_FIELD_BITS;
  localparam int unsigned WIDE_BITS = lm_mmu_pkg::QUAD_WIDE_BITS;
  localparam int unsigned QUAD_BITS = lm_mmu_pkg::QUAD_BITS;
  localparam int unsigned DOT_BITS = lightmamba_pkg::DOT_BITS;

  localparam int unsigned LENGTH = lm_mmu_pkg::chain(COLUMNS);
  localparam int unsigned CHAINS = COLUMNS / LENGTH;
  localparam int unsigned SUM_BITS = FIELD_BITS + 1 + $clog2(CHAINS);
  localparam int unsigned BIASES =
      (lightmamba_pkg::GROUP / LENGTH) * 32'(lm_mmu_pkg::QUAD_BIAS);

  logic first, valid;

  lm_shift_register #(
      .BITS  (2),
      .CYCLES(lm_mmu_pkg::quad_dot_latency(COLUMNS) - 1)
  ) u_control_line (
      .clk_i,
      .advance_i(1'b1),
      .x_i      ({first_i, valid_i}),
      .y_o      ({first, valid})
  );

  // Each column's operands, a cycle after those of the column before.
  logic [WIDE_BITS*(WIDE/2)*COLUMNS-1:0] wide;  // pair p, column c: p * COLUMNS + c
  logic [4*NARROW*COLUMNS-1:0] narrow;          // vector n, column c: c * NARROW + n

  for (genvar c = 0; c < COLUMNS; c++) begin : gen_column
    logic [4*WIDE-1:0] wide_column, wide_skewed;
    logic [4*NARROW-1:0] narrow_column;

    for (genvar w = 0; w < WIDE; w++) begin : gen_wide
      assign wide_column[4*w+:4] = wide_i[4*(w*COLUMNS+c)+:4];
    end
    for (genvar n = 0; n < NARROW; n++) begin : gen_narrow
      assign narrow_column[4*n+:4] = narrow_i[4*(n*COLUMNS+c)+:4];
    end

    lm_shift_register #(
        .BITS  (4 * WIDE),
        .CYCLES(c % LENGTH)
    ) u_wide_skew (
        .clk_i,
        .advance_i(1'b1),
        .x_i      (wide_column),
        .y_o      (wide_skewed)
    );

    lm_shift_register #(
        .BITS  (4 * NARROW),
        .CYCLES(c % LENGTH)
    ) u_narrow_skew (
        .clk_i,
        .advance_i(1'b1),
        .x_i      (narrow_column),
        .y_o      (narrow[4*NARROW*c+:4*NARROW])
    );

    for (genvar p = 0; p < WIDE / 2; p++) begin : gen_pack
      logic [3:0] low;
      logic signed [3:0] high;
      logic signed [4:0] above;
      assign low   = wide_skewed[4*2*p+:4];
      assign high  = wide_skewed[4*(2*p+1)+:4];
      // A negative low one borrows from the high one.
      assign above = 5'(high) - 5'(low[3]);
      assign wide[WIDE_BITS*(p*COLUMNS+c)+:WIDE_BITS] =
          {above, {(2 * FIELD_BITS - 4) {low[3]}}, low};
    end
  end

  for (genvar p = 0; p < WIDE / 2; p++) begin : gen_wide_pair
    for (genvar q = 0; q < NARROW / 2; q++) begin : gen_narrow_pair
      logic [CHAINS*QUAD_BITS-1:0] sums;

      for (genvar k = 0; k < CHAINS; k++) begin : gen_chain
        // The output of the last DSP leads nowhere, and so do the sums of the others.
        // verilator lint_off UNUSED
        logic [48*(LENGTH+1)-1:0] cascade;
        logic [QUAD_BITS*LENGTH-1:0] chain_sums;
        // verilator lint_on UNUSED

        assign cascade[47:0] = 48'd0;
        for (genvar i = 0; i < LENGTH; i++) begin : gen_mac
          lm_int4_quad_mac #(
              .CASCADED(i != 0)
          ) u_mac (
              .clk_i,
              .wide_i   (wide[WIDE_BITS*(p*COLUMNS+k*LENGTH+i)+:WIDE_BITS]),
              .low_i    (narrow[4*((k*LENGTH+i)*NARROW+2*q)+:4]),
              .high_i   (narrow[4*((k*LENGTH+i)*NARROW+2*q+1)+:4]),
              .cascade_i(cascade[48*i+:48]),
              .cascade_o(cascade[48*(i+1)+:48]),
              .sum_o    (chain_sums[QUAD_BITS*i+:QUAD_BITS])
          );
        end
        assign sums[QUAD_BITS*k+:QUAD_BITS] = chain_sums[QUAD_BITS*(LENGTH-1)+:QUAD_BITS];
      end

      // Fields in turn: low low, low of wide by high of narrow, high by low, high high.
      for (genvar f = 0; f < 4; f++) begin : gen_field
        localparam int unsigned DOT = (2 * q + f % 2) * WIDE + 2 * p + f / 2;
        logic [CHAINS*(FIELD_BITS+1)-1:0] fields;
        logic signed [SUM_BITS-1:0] sum;
        logic signed [DOT_BITS-1:0] so_far, dot_q;

        for (genvar k = 0; k < CHAINS; k++) begin : gen_addend
          assign fields[(FIELD_BITS+1)*k+:FIELD_BITS+1] =
              {1'b0, sums[QUAD_BITS*k+FIELD_BITS*f+:FIELD_BITS]};
        end

        lm_adder_tree #(
            .INPUTS  (CHAINS),
            .IN_BITS (FIELD_BITS + 1),
            .OUT_BITS(SUM_BITS)
        ) u_tree (
            .clk_i,
            .words_i(fields),
            .sum_o  (sum)
        );

        assign so_far = first ? DOT_BITS'(-BIASES) : dot_q;
        always_ff @(posedge clk_i) if (valid) dot_q <= DOT_BITS'(sum) + so_far;
        assign dots_o[DOT*DOT_BITS+:DOT_BITS] = dot_q;
      end
    end
  end
endmodule

// Two 4-bit products with one factor in common, in one DSP48E2:
//   sum = (high 2^FIELD_BITS + low) x [+ cascade] [+ sum before]
// The pre-adder packs the factors. operands -> 4 cycles -> sum_o and cascade_o; accumulate_i is
// taken 2 cycles, enable_i 3 cycles after the operands. As prim/generic/int4_dual_mac.sv.
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
    output logic [47:0]                        cascade_o,  // to the next DSP only
    output logic [lm_mmu_pkg::PACKED_BITS-1:0] sum_o
);
  logic [47:0] sum;
  logic unused;

  assign sum_o  = sum[lm_mmu_pkg::PACKED_BITS-1:0];
  assign unused = ^sum[47:lm_mmu_pkg::PACKED_BITS];

  DSP48E2 #(
      .AMULTSEL     ("AD"),
      .BMULTSEL     ("B"),
      .PREADDINSEL  ("A"),
      .USE_MULT     ("MULTIPLY"),
      .AREG         (1),
      .ACASCREG     (1),
      .BREG         (2),
      .BCASCREG     (2),
      .CREG         (1),
      .DREG         (1),
      .ADREG        (1),
      .MREG         (1),
      .PREG         (1),
      .OPMODEREG    (1),
      .INMODEREG    (0),
      .ALUMODEREG   (0),
      .CARRYINREG   (0),
      .CARRYINSELREG(0)
  ) u_dsp (
      .CLK        (clk_i),
      .A          ({{26{low_i[3]}}, low_i}),
      .B          ({{14{x_i[3]}}, x_i}),
      .C          (48'd0),
      .D({{(23 - lm_mmu_pkg::FIELD_BITS) {high_i[3]}}, high_i, {lm_mmu_pkg::FIELD_BITS{1'b0}}}),
      .ACIN       (30'd0),
      .BCIN       (18'd0),
      .PCIN       (CASCADED ? cascade_i : 48'd0),
      .CARRYCASCIN(1'b0),
      .CARRYIN    (1'b0),
      .CARRYINSEL (3'd0),
      .MULTSIGNIN (1'b0),
      .INMODE     (5'b00100),   // D + A2, B2
      .ALUMODE    (4'b0000),   // W + X + Y + Z
      // W: 0 or P. Z: 0 or PCIN. X and Y: the product.
      .OPMODE       ({1'b0, ACCUMULATES && accumulate_i, 2'b00, CASCADED, 4'b0101}),
      .CEA1         (1'b0),
      .CEA2         (1'b1),
      .CEB1         (1'b1),
      .CEB2         (1'b1),
      .CEC          (1'b0),
      .CED          (1'b1),
      .CEAD         (1'b1),
      .CEM          (1'b1),
      .CEP          (enable_i || !ACCUMULATES),
      .CECTRL       (1'b1),
      .CEINMODE     (1'b1),
      .CEALUMODE    (1'b1),
      .CECARRYIN    (1'b1),
      .RSTA         (1'b0),
      .RSTB         (1'b0),
      .RSTC         (1'b0),
      .RSTD         (1'b0),
      .RSTM         (1'b0),
      .RSTP         (1'b0),
      .RSTCTRL      (1'b0),
      .RSTINMODE    (1'b0),
      .RSTALUMODE   (1'b0),
      .RSTALLCARRYIN(1'b0),
      .P            (sum),
      .PCOUT        (cascade_o)
  );
endmodule

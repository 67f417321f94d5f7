// Four 4-bit products of two pairs in one DSP48E2, each in a field of QUAD_FIELD_BITS:
//   sum = wide (high 2^QUAD_FIELD_BITS + low) + (bias or cascade)
// where wide = (its high) 2^(2 QUAD_FIELD_BITS) + (its low). The pre-adder packs the narrow pair.
// Operands -> 4 cycles -> sum_o and cascade_o. As prim/generic/lm_int4_quad_mac.sv.
module lm_int4_quad_mac #(
    parameter bit CASCADED = 1'b0  // adds cascade_i, or else QUAD_BIAS in each field
) (
    input  logic                                  clk_i,
    input  logic [lm_mmu_pkg::QUAD_WIDE_BITS-1:0] wide_i,
    input  logic [3:0]                            low_i,
    input  logic [3:0]                            high_i,
    input  logic [47:0]                           cascade_i,
    output logic [47:0]                           cascade_o,  // to the next DSP only
    output logic [lm_mmu_pkg::QUAD_BITS-1:0]      sum_o
);
  localparam int unsigned FIELD_BITS = lm_mmu_pkg::QUAD_FIELD_BITS;
  localparam int unsigned WIDE_BITS = lm_mmu_pkg::QUAD_WIDE_BITS;

  logic [47:0] sum;
  logic unused;

  assign sum_o  = sum[lm_mmu_pkg::QUAD_BITS-1:0];
  assign unused = ^sum[47:lm_mmu_pkg::QUAD_BITS];

  DSP48E2 #(
      .AMULTSEL     ("A"),
      .BMULTSEL     ("AD"),
      .PREADDINSEL  ("B"),
      .USE_MULT     ("MULTIPLY"),
      .AREG         (2),
      .ACASCREG     (2),
      .BREG         (1),
      .BCASCREG     (1),
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
      .A          ({{(30 - WIDE_BITS) {wide_i[WIDE_BITS-1]}}, wide_i}),
      .B          ({{14{low_i[3]}}, low_i}),
      .C          (lm_mmu_pkg::QUAD_BIASES),
      .D          ({{(23 - FIELD_BITS) {high_i[3]}}, high_i, {FIELD_BITS{1'b0}}}),
      .ACIN       (30'd0),
      .BCIN       (18'd0),
      .PCIN       (CASCADED ? cascade_i : 48'd0),
      .CARRYCASCIN(1'b0),
      .CARRYIN    (1'b0),
      .CARRYINSEL (3'd0),
      .MULTSIGNIN (1'b0),
      .INMODE     (5'b00100),  // A2, D + B2
      .ALUMODE    (4'b0000),   // W + X + Y + Z
      // W: 0. Z: C or PCIN. X and Y: the product.
      .OPMODE       ({2'b00, CASCADED ? 3'b001 : 3'b011, 4'b0101}),
      .CEA1         (1'b1),
      .CEA2         (1'b1),
      .CEB1         (1'b0),
      .CEB2         (1'b1),
      .CEC          (1'b1),
      .CED          (1'b1),
      .CEAD         (1'b1),
      .CEM          (1'b1),
      .CEP          (1'b1),
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

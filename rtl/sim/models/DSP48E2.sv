// What is used of the primitive, as UG579 describes it, three ways: that of lm_int4_dual_mac.sv,
// (D + A) B, that of lm_int4_quad_mac.sv, A (D + B), each with the adder of W, X, Y and Z; and that of
// Yosys, the product of A and B without registers. Inputs that are tied are not modelled.
module DSP48E2 #(
    parameter A_INPUT = "DIRECT",
    parameter B_INPUT = "DIRECT",
    parameter AMULTSEL = "A",
    parameter BMULTSEL = "B",
    parameter PREADDINSEL = "A",
    parameter USE_MULT = "MULTIPLY",
    parameter USE_SIMD = "ONE48",
    parameter integer AREG = 1,
    parameter integer ACASCREG = 1,
    parameter integer BREG = 1,
    parameter integer BCASCREG = 1,
    parameter integer CREG = 1,
    parameter integer DREG = 1,
    parameter integer ADREG = 1,
    parameter integer MREG = 1,
    parameter integer PREG = 1,
    parameter integer OPMODEREG = 1,
    parameter integer INMODEREG = 1,
    parameter integer ALUMODEREG = 1,
    parameter integer CARRYINREG = 1,
    parameter integer CARRYINSELREG = 1
) (
    input  logic        CLK,
    // The model has only what the unit uses; all other inputs have to be tied in hardware.
    // verilator lint_off UNUSED
    input  logic [29:0] A,
    input  logic [17:0] B,
    input  logic [47:0] C,
    input  logic [26:0] D,
    input  logic [29:0] ACIN,
    input  logic [17:0] BCIN,
    input  logic [47:0] PCIN,
    input  logic        CARRYCASCIN,
    input  logic        CARRYIN,
    input  logic [2:0]  CARRYINSEL,
    input  logic        MULTSIGNIN,
    input  logic [4:0]  INMODE,
    input  logic [3:0]  ALUMODE,
    input  logic [8:0]  OPMODE,
    input  logic        CEA1,
    input  logic        CEA2,
    input  logic        CEB1,
    input  logic        CEB2,
    input  logic        CEC,
    input  logic        CED,
    input  logic        CEAD,
    input  logic        CEM,
    input  logic        CEP,
    input  logic        CECTRL,
    input  logic        CEINMODE,
    input  logic        CEALUMODE,
    input  logic        CECARRYIN,
    input  logic        RSTA,
    input  logic        RSTB,
    input  logic        RSTC,
    input  logic        RSTD,
    input  logic        RSTM,
    input  logic        RSTP,
    input  logic        RSTCTRL,
    input  logic        RSTINMODE,
    input  logic        RSTALUMODE,
    input  logic        RSTALLCARRYIN,
    // verilator lint_on UNUSED
    output logic [47:0] P,
    output logic [47:0] PCOUT
);
  localparam bit IS_MULTIPLIER = AMULTSEL == "A" && BMULTSEL == "B" && AREG == 0 && ACASCREG == 0 &&
      BREG == 0 && BCASCREG == 0 && CREG == 0 && DREG == 0 && ADREG == 0 && MREG == 0 &&
      PREG == 0 && OPMODEREG == 0;
  // Names of unlike lengths are compared.
  // verilator lint_off WIDTH
  localparam bit IS_DUAL_MAC = AMULTSEL == "AD" && BMULTSEL == "B" && PREADDINSEL == "A" &&
      AREG == 1 && ACASCREG == 1 && BREG == 2 && BCASCREG == 2 && CREG == 1 && DREG == 1 &&
      ADREG == 1 && MREG == 1 && PREG == 1 && OPMODEREG == 1;
  localparam bit IS_QUAD_MAC = AMULTSEL == "A" && BMULTSEL == "AD" && PREADDINSEL == "B" &&
      AREG == 2 && ACASCREG == 2 && BREG == 1 && BCASCREG == 1 && CREG == 1 && DREG == 1 &&
      ADREG == 1 && MREG == 1 && PREG == 1 && OPMODEREG == 1;
  // verilator lint_on WIDTH

  if (A_INPUT != "DIRECT" || B_INPUT != "DIRECT" || USE_MULT != "MULTIPLY" || USE_SIMD != "ONE48" ||
      INMODEREG != 0 || ALUMODEREG != 0 || CARRYINREG != 0 || CARRYINSELREG != 0) begin : gen_check
    $error("not modelled");
  end

  if (IS_MULTIPLIER) begin : gen_multiplier
    // Nothing else but the product: X and Y, without W and Z.
    assign P = OPMODE == 9'b00_000_0101 ? 48'(45'(signed'(A[26:0])) * 45'(signed'(B))) : 48'd0;
    assign PCOUT = P;
  end else if (IS_DUAL_MAC) begin : gen_dual_mac
    logic signed [26:0] a_q, d_q, ad_d, ad_q;
    logic signed [17:0] b1_q, b2_q;
    logic signed [44:0] m_q;
    logic [8:0] opmode_q;
    logic [47:0] w, xy, z, p_q;

    always_comb begin
      ad_d = 27'sd0;
      if (!INMODE[1]) ad_d = a_q;
      if (INMODE[2]) ad_d = INMODE[3] ? d_q - ad_d : d_q + ad_d;
      w  = opmode_q[8:7] == 2'b01 ? p_q : 48'd0;
      z  = opmode_q[6:4] == 3'b001 ? PCIN : opmode_q[6:4] == 3'b010 ? p_q : 48'd0;
      xy = opmode_q[3:0] == 4'b0101 ? 48'(m_q) : 48'd0;
    end

    always_ff @(posedge CLK) begin
      if (CEA2) a_q <= A[26:0];
      if (CED) d_q <= D;
      if (CEAD) ad_q <= ad_d;
      if (CEB1) b1_q <= B;
      if (CEB2) b2_q <= b1_q;
      if (CEM) m_q <= 45'(ad_q) * 45'(b2_q);
      if (CECTRL) opmode_q <= OPMODE;
      if (CEP) p_q <= w + xy + z;
    end

    assign P = p_q;
    assign PCOUT = p_q;
  end else if (IS_QUAD_MAC) begin : gen_quad_mac
    logic signed [26:0] a1_q, a2_q, b_q, d_q, ad_d;
    // The multiplier's narrow operand takes only the low bits of the pre-adder.
    // verilator lint_off UNUSED
    logic signed [26:0] ad_q;
    // verilator lint_on UNUSED
    logic signed [44:0] m_q;
    logic [8:0] opmode_q;
    logic [47:0] c_q, w, xy, z, p_q;

    always_comb begin
      ad_d = 27'sd0;
      if (!INMODE[1]) ad_d = b_q;
      if (INMODE[2]) ad_d = INMODE[3] ? d_q - ad_d : d_q + ad_d;
      w  = opmode_q[8:7] == 2'b01 ? p_q : 48'd0;
      z  = opmode_q[6:4] == 3'b001 ? PCIN : opmode_q[6:4] == 3'b011 ? c_q : 48'd0;
      xy = opmode_q[3:0] == 4'b0101 ? 48'(m_q) : 48'd0;
    end

    always_ff @(posedge CLK) begin
      if (CEA1) a1_q <= A[26:0];
      if (CEA2) a2_q <= a1_q;
      if (CEB2) b_q <= 27'(signed'(B));
      if (CEC) c_q <= C;
      if (CED) d_q <= D;
      if (CEAD) ad_q <= ad_d;
      if (CEM) m_q <= 45'(a2_q) * 45'(signed'(ad_q[17:0]));
      if (CECTRL) opmode_q <= OPMODE;
      if (CEP) p_q <= w + xy + z;
    end

    assign P = p_q;
    assign PCOUT = p_q;
  end else begin : gen_neither
    $error("not modelled");
  end
endmodule

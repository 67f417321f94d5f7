// As Yosys uses it, in a netlist: block_ram with the primitive's ports.
module RAMB36E2 #(
    parameter integer DOA_REG = 0,
    parameter integer DOB_REG = 0,
    parameter integer READ_WIDTH_A = 0,
    parameter integer READ_WIDTH_B = 0,
    parameter integer WRITE_WIDTH_A = 0,
    parameter integer WRITE_WIDTH_B = 0,
    parameter WRITE_MODE_A = "NO_CHANGE",
    parameter WRITE_MODE_B = "NO_CHANGE"
) (
    // Tied are resets, enables of registers and what block_ram does not take of others.
    // verilator lint_off UNUSED
    input  logic        CLKARDCLK,
    input  logic        ENARDEN,
    input  logic [3:0]  WEA,
    input  logic [14:0] ADDRARDADDR,
    input  logic [31:0] DINADIN,
    input  logic [3:0]  DINPADINP,
    output logic [31:0] DOUTADOUT,
    output logic [3:0]  DOUTPADOUTP,
    input  logic        ENBWREN,
    input  logic [7:0]  WEBWE,
    input  logic [14:0] ADDRBWRADDR,
    input  logic [31:0] DINBDIN,
    input  logic [3:0]  DINPBDINP,
    output logic [31:0] DOUTBDOUT,
    output logic [3:0]  DOUTPBDOUTP,
    input  logic        CLKBWRCLK,
    input  logic        ADDRENA,
    input  logic        ADDRENB,
    input  logic        REGCEAREGCE,
    input  logic        REGCEB,
    input  logic        RSTRAMARSTRAM,
    input  logic        RSTRAMB,
    input  logic        RSTREGARSTREG,
    input  logic        RSTREGB,
    input  logic        SLEEP
    // verilator lint_on UNUSED
);
  if (DOA_REG != 0 || DOB_REG != 0 || WRITE_MODE_A != "READ_FIRST" ||
      WRITE_MODE_B != "READ_FIRST") begin : gen_check
    $error("not modelled");
  end

  block_ram #(
      .BYTES        (4096),
      .READ_WIDTH_A (READ_WIDTH_A),
      .READ_WIDTH_B (READ_WIDTH_B),
      .WRITE_WIDTH_A(WRITE_WIDTH_A),
      .WRITE_WIDTH_B(WRITE_WIDTH_B)
  ) ram (
      .clk_i     (CLKARDCLK),
      .a_enable_i(ENARDEN),
      .a_write_i (WEA),
      .a_byte_i  (ADDRARDADDR[14:3]),
      .a_data_i  (DINADIN),
      .a_parity_i(DINPADINP),
      .a_data_o  (DOUTADOUT),
      .a_parity_o(DOUTPADOUTP),
      .b_enable_i(ENBWREN),
      .b_write_i (WEBWE[3:0]),
      .b_byte_i  (ADDRBWRADDR[14:3]),
      .b_data_i  (DINBDIN),
      .b_parity_i(DINPBDINP),
      .b_data_o  (DOUTBDOUT),
      .b_parity_o(DOUTPBDOUTP)
  );
endmodule

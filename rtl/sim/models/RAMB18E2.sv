// As Yosys uses it, in a netlist: block_ram with the primitive's ports.
module RAMB18E2 #(
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
    input  logic [1:0]  WEA,
    input  logic [13:0] ADDRARDADDR,
    input  logic [15:0] DINADIN,
    input  logic [1:0]  DINPADINP,
    output logic [15:0] DOUTADOUT,
    output logic [1:0]  DOUTPADOUTP,
    input  logic        ENBWREN,
    input  logic [3:0]  WEBWE,
    input  logic [13:0] ADDRBWRADDR,
    input  logic [15:0] DINBDIN,
    input  logic [1:0]  DINPBDINP,
    output logic [15:0] DOUTBDOUT,
    output logic [1:0]  DOUTPBDOUTP,
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
);
  if (DOA_REG != 0 || DOB_REG != 0 || WRITE_MODE_A != "READ_FIRST" ||
      WRITE_MODE_B != "READ_FIRST") begin : gen_check
    $error("not modelled");
  end

  logic [31:0] a_data, b_data;
  logic [3:0] a_parity, b_parity;
  // verilator lint_on UNUSED

  assign DOUTADOUT = a_data[15:0];
  assign DOUTPADOUTP = a_parity[1:0];
  assign DOUTBDOUT = b_data[15:0];
  assign DOUTPBDOUTP = b_parity[1:0];

  block_ram #(
      .BYTES        (2048),
      .READ_WIDTH_A (READ_WIDTH_A),
      .READ_WIDTH_B (READ_WIDTH_B),
      .WRITE_WIDTH_A(WRITE_WIDTH_A),
      .WRITE_WIDTH_B(WRITE_WIDTH_B)
  ) ram (
      .clk_i     (CLKARDCLK),
      .a_enable_i(ENARDEN),
      .a_write_i ({2'b0, WEA}),
      .a_byte_i  (ADDRARDADDR[13:3]),
      .a_data_i  ({16'b0, DINADIN}),
      .a_parity_i({2'b0, DINPADINP}),
      .a_data_o  (a_data),
      .a_parity_o(a_parity),
      .b_enable_i(ENBWREN),
      .b_write_i (WEBWE[3:0]),
      .b_byte_i  (ADDRBWRADDR[13:3]),
      .b_data_i  ({16'b0, DINBDIN}),
      .b_parity_i({2'b0, DINPBDINP}),
      .b_data_o  (b_data),
      .b_parity_o(b_parity)
  );
endmodule

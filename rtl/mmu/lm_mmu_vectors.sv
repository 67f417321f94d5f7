// Two banks of quantized activations: MAX_GROUPS groups of 128 codes, COLUMNS of which are a word,
// and a multiplier each. Read in two stages, of which each has its enable; a word each cycle.
module lm_mmu_vectors #(
    parameter int unsigned COLUMNS = 32,
    parameter int unsigned MAX_GROUPS = 127,
    localparam int unsigned GROUP_BITS = $clog2(MAX_GROUPS),
    localparam int unsigned WORD_BITS = $clog2(MAX_GROUPS * (lightmamba_pkg::GROUP / COLUMNS))
) (
    input  logic                  clk_i,
    input  logic                  write_bank_i,
    input  logic                  code_we_i,
    input  logic [WORD_BITS-1:0]  code_address_i,
    input  logic [4*COLUMNS-1:0]  codes_i,
    input  logic                  multiplier_we_i,
    input  logic [GROUP_BITS-1:0] multiplier_group_i,
    input  logic [lightmamba_pkg::MULTIPLIER_BITS-1:0] multiplier_i,

    input  logic                  bank_i,
    input  logic [WORD_BITS-1:0]  address_i,
    input  logic [GROUP_BITS-1:0] group_i,
    input  logic                  read_i,     // first stage
    input  logic                  advance_i,  // second stage
    output logic [4*COLUMNS-1:0]  codes_o,
    output logic [lightmamba_pkg::MULTIPLIER_BITS-1:0] multiplier_o
);
  localparam int unsigned MULTIPLIER_BITS = lightmamba_pkg::MULTIPLIER_BITS;

  logic [4*COLUMNS-1:0] codes[2**(WORD_BITS+1)];
  logic [MULTIPLIER_BITS-1:0] multipliers[2**(GROUP_BITS+1)];
  logic [4*COLUMNS-1:0] codes_q, codes_q2;
  logic [MULTIPLIER_BITS-1:0] multiplier_q, multiplier_q2;

  always_ff @(posedge clk_i) begin
    if (code_we_i) codes[{write_bank_i, code_address_i}] <= codes_i;
    if (multiplier_we_i) multipliers[{write_bank_i, multiplier_group_i}] <= multiplier_i;
    if (read_i) begin
      codes_q <= codes[{bank_i, address_i}];
      multiplier_q <= multipliers[{bank_i, group_i}];
    end
    if (advance_i) begin
      codes_q2 <= codes_q;
      multiplier_q2 <= multiplier_q;
    end
  end

  assign codes_o = codes_q2;
  assign multiplier_o = multiplier_q2;
endmodule

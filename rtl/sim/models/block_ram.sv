// What Yosys uses of RAMB18E2 and RAMB36E2 where a port is 9, 18 or 36 bits wide: two ports on one
// clock, no output registers, contents unknown at first. A word read while it is written is the old
// one on either port.
module block_ram #(
    parameter int unsigned BYTES = 4096,  // of 9 bits
    parameter int unsigned READ_WIDTH_A = 0,
    parameter int unsigned READ_WIDTH_B = 0,
    parameter int unsigned WRITE_WIDTH_A = 0,
    parameter int unsigned WRITE_WIDTH_B = 0,
    localparam int unsigned BYTE_BITS = $clog2(BYTES)
) (
    input  logic                 clk_i,
    input  logic                 a_enable_i,
    input  logic [3:0]           a_write_i,
    input  logic [BYTE_BITS-1:0] a_byte_i,
    input  logic [31:0]          a_data_i,
    input  logic [3:0]           a_parity_i,
    output logic [31:0]          a_data_o,
    output logic [3:0]           a_parity_o,
    input  logic                 b_enable_i,
    input  logic [3:0]           b_write_i,
    input  logic [BYTE_BITS-1:0] b_byte_i,
    input  logic [31:0]          b_data_i,
    input  logic [3:0]           b_parity_i,
    output logic [31:0]          b_data_o,
    output logic [3:0]           b_parity_o
);
  logic [8:0] bytes_q[BYTES];

  function automatic bit is_modelled(int unsigned width);
    return width == 0 || width == 9 || width == 18 || width == 36;
  endfunction

  if (!is_modelled(READ_WIDTH_A) || !is_modelled(READ_WIDTH_B) || !is_modelled(WRITE_WIDTH_A) ||
      !is_modelled(WRITE_WIDTH_B)) begin : gen_check
    $error("not modelled");
  end

  // The first byte of the word that has the byte addressed.
  function automatic logic [BYTE_BITS-1:0] word(logic [BYTE_BITS-1:0] place, int unsigned width);
    return width < 18 ? place : place & ~BYTE_BITS'(width / 9 - 1);
  endfunction

  // verilator lint_off UNSIGNED
  for (genvar i = 0; i < 4; i++) begin : gen_byte
    always_ff @(posedge clk_i) begin
      if (a_enable_i && READ_WIDTH_A > 9 * i) begin
        {a_parity_o[i], a_data_o[8*i+:8]} <= bytes_q[word(a_byte_i, READ_WIDTH_A)|BYTE_BITS'(i)];
      end
      if (b_enable_i && READ_WIDTH_B > 9 * i) begin
        {b_parity_o[i], b_data_o[8*i+:8]} <= bytes_q[word(b_byte_i, READ_WIDTH_B)|BYTE_BITS'(i)];
      end
    end
  end

  always_ff @(posedge clk_i) begin
    for (int i = 0; i < 4; i++) begin
      if (a_enable_i && a_write_i[i] && WRITE_WIDTH_A > 9 * i) begin
        bytes_q[word(a_byte_i, WRITE_WIDTH_A)|BYTE_BITS'(i)] <= {a_parity_i[i], a_data_i[8*i+:8]};
      end
      if (b_enable_i && b_write_i[i] && WRITE_WIDTH_B > 9 * i) begin
        bytes_q[word(b_byte_i, WRITE_WIDTH_B)|BYTE_BITS'(i)] <= {b_parity_i[i], b_data_i[8*i+:8]};
      end
    end
  end
  // verilator lint_on UNSIGNED
endmodule

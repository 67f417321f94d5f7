// A FIFO in block or ultra RAM, with both of its read registers. Whoever pushes has to know that
// there is room: at most DEPTH words may be here. 3 cycles from push to valid, a word per cycle.
`include "lm_assert.svh"

module lm_ram_fifo #(
    parameter int unsigned WIDTH = 64,
    parameter int unsigned DEPTH = 512,  // a power of two
    // verilator lint_off UNUSEDPARAM
    parameter RAM_STYLE = "auto"         // or "block", "ultra"
    // verilator lint_on UNUSEDPARAM
) (
    input  logic             clk_i,
    input  logic             rst_ni,
    input  logic             push_i,
    input  logic [WIDTH-1:0] data_i,
    output logic             valid_o,
    input  logic             ready_i,
    output logic [WIDTH-1:0] data_o
);
  localparam int unsigned ADDRESS_BITS = $clog2(DEPTH);

  (* ram_style = RAM_STYLE *)
  logic [WIDTH-1:0] memory_q[DEPTH];
  logic [ADDRESS_BITS:0] write_q, read_q;  // the bit above tells full from empty
  logic [WIDTH-1:0] word_q;                // what the memory gives; data_o is behind it
  logic word_valid_q, is_held, word_advances, output_advances;

  assign is_held         = write_q != read_q;
  assign output_advances = !valid_o || ready_i;
  assign word_advances   = !word_valid_q || output_advances;

  always_ff @(posedge clk_i) begin
    if (push_i) memory_q[write_q[ADDRESS_BITS-1:0]] <= data_i;
  end

  always_ff @(posedge clk_i) begin
    if (word_advances) word_q <= memory_q[read_q[ADDRESS_BITS-1:0]];
    if (output_advances) data_o <= word_q;
  end

  always_ff @(posedge clk_i) begin
    if (!rst_ni) begin
      write_q      <= '0;
      read_q       <= '0;
      word_valid_q <= 1'b0;
      valid_o      <= 1'b0;
    end else begin
      if (push_i) write_q <= write_q + 1'b1;
      if (word_advances) begin
        read_q       <= read_q + (ADDRESS_BITS + 1)'(is_held);
        word_valid_q <= is_held;
      end
      if (output_advances) valid_o <= word_valid_q;
    end
  end

  logic [ADDRESS_BITS:0] held;
  assign held = write_q - read_q;
  `LM_ASSERT(pushes_where_there_is_room, !push_i || held < (ADDRESS_BITS + 1)'(DEPTH))
  `LM_ASSERT_STREAM(out_holds, valid_o, ready_i, data_o)
endmodule

// Words wait here until they are taken. Whoever pushes has to know that there is room: no more than
// DEPTH words may be on their way or here. 2 cycles from push to pop.
`include "lm_assert.svh"

module lm_mmu_output_fifo #(
    parameter int unsigned BITS = 97,
    parameter int unsigned DEPTH = 32  // a power of two
) (
    input  logic            clk_i,
    input  logic            rst_ni,
    input  logic            push_i,
    input  logic [BITS-1:0] data_i,
    output logic            valid_o,
    input  logic            ready_i,
    output logic [BITS-1:0] data_o
);
  localparam int unsigned ADDRESS_BITS = $clog2(DEPTH);

  // So that it becomes LUTs, with a register after them.
  (* ram_style = "distributed" *)
  logic [BITS-1:0] words[DEPTH];
  logic [ADDRESS_BITS:0] write_q, read_q;  // the bit above tells full from empty
  logic [BITS-1:0] data_q;
  logic valid_q, pop;

  assign pop = write_q != read_q && (!valid_q || ready_i);

  always_ff @(posedge clk_i) begin
    if (push_i) words[write_q[ADDRESS_BITS-1:0]] <= data_i;
    if (pop) data_q <= words[read_q[ADDRESS_BITS-1:0]];
    if (!rst_ni) begin
      write_q <= '0;
      read_q  <= '0;
      valid_q <= 1'b0;
    end else begin
      if (push_i) write_q <= write_q + 1'b1;
      if (pop) read_q <= read_q + 1'b1;
      valid_q <= pop || (valid_q && !ready_i);
    end
  end

  assign valid_o = valid_q;
  assign data_o  = data_q;

  logic [ADDRESS_BITS:0] held;
  assign held = write_q - read_q;
  `LM_ASSERT(pushes_where_there_is_room, !push_i || held < (ADDRESS_BITS + 1)'(DEPTH))
  `LM_ASSERT_STREAM(out_holds, valid_o, ready_i, data_o)
endmodule

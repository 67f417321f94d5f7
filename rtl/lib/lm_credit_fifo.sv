// A FIFO whose places are reserved before the data come, for pipelines that cannot be stopped.
// As a plain FIFO: reserve_i and push_i together, has_room_o as ready. Data pushed in one cycle are
// out in the next; has_room_o and valid_o come from registers.
`include "lm_assert.svh"

module lm_credit_fifo #(
    parameter int unsigned WIDTH = 8,
    parameter int unsigned DEPTH = 4   // a power of two, at least 2
) (
    input  logic             clk_i,
    input  logic             rst_ni,
    output logic             has_room_o,
    input  logic             reserve_i,  // only where has_room_o
    input  logic             push_i,     // only into a place that is reserved
    input  logic [WIDTH-1:0] data_i,
    output logic             valid_o,
    input  logic             ready_i,
    output logic [WIDTH-1:0] data_o
);
  localparam int unsigned ADDRESS_BITS = $clog2(DEPTH);

  logic [WIDTH-1:0] memory_q[DEPTH];
  logic [ADDRESS_BITS-1:0] write_q, read_q;
  logic [ADDRESS_BITS:0] reserved_q, held_q;
  logic pop;

  assign has_room_o = !reserved_q[ADDRESS_BITS];
  assign valid_o = held_q != '0;
  assign data_o = memory_q[read_q];
  assign pop = valid_o && ready_i;

  always_ff @(posedge clk_i) begin
    if (push_i) memory_q[write_q] <= data_i;
  end

  always_ff @(posedge clk_i) begin
    if (!rst_ni) begin
      write_q    <= '0;
      read_q     <= '0;
      reserved_q <= '0;
      held_q     <= '0;
    end else begin
      write_q    <= write_q + ADDRESS_BITS'(push_i);
      read_q     <= read_q + ADDRESS_BITS'(pop);
      reserved_q <= reserved_q + (ADDRESS_BITS + 1)'(reserve_i) - (ADDRESS_BITS + 1)'(pop);
      held_q     <= held_q + (ADDRESS_BITS + 1)'(push_i) - (ADDRESS_BITS + 1)'(pop);
    end
  end

  // With these what is offered cannot move: its place is not written before it is taken.
  `LM_ASSERT(reserves_where_there_is_room, !reserve_i || has_room_o)
  `LM_ASSERT(pushes_into_a_reserved_place, !push_i || held_q < reserved_q || reserve_i)
  `LM_ASSERT(credit_is_not_negative,
             held_q <= reserved_q && reserved_q <= (ADDRESS_BITS + 1)'(DEPTH))
endmodule

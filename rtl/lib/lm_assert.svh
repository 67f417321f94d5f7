// Contracts that a simulation checks in each cycle and synthesis does not see. They belong to modules
// whose clock is clk_i and whose reset is rst_ni, and hold nothing while there is a reset.
`ifndef LM_ASSERT_SVH
`define LM_ASSERT_SVH

`ifdef SYNTHESIS
`define LM_ASSERT(name, condition)
`define LM_ASSERT_STREAM(name, valid, ready, data)
`else
// The condition is true in each cycle.
`define LM_ASSERT(name, condition) \
  name: assert property (@(posedge clk_i) disable iff (!rst_ni) (condition)) \
  else $error("a contract is broken");

// A stream: what is offered stays until it is taken, and its data do not move.
`define LM_ASSERT_STREAM(name, valid, ready, data) \
  name: assert property (@(posedge clk_i) disable iff (!rst_ni) \
                         (valid) && !(ready) |=> (valid) && $stable(data)) \
  else $error("a stream has withdrawn or changed what it offered");
`endif

// What is started must be ready for it.
`define LM_ASSERT_START(name, start, ready) `LM_ASSERT(name, !(start) || (ready))

`endif

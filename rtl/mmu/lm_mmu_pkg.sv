// Shapes and latencies of the parts of the MMU, in one place because its side channels have to take
// as many cycles as its dot products.
package lm_mmu_pkg;

  // No module uses all of them.
  // verilator lint_off UNUSEDPARAM

  localparam int unsigned FIELD_BITS = 18;  // from one row's product to the other's in a DSP
  localparam int unsigned PACKED_BITS = 33;  // FIELD_BITS and DOT_BITS
  localparam int unsigned CHAIN = 16;       // DSPs of a cascade, at most
  localparam int unsigned DSP_STAGES = 4;   // operands, pre-adder, multiplier, sum
  localparam int unsigned SCALER_STAGES = 5;  // before the accumulator
  localparam int unsigned SCALE_STAGES = 3;   // of these before the scale is taken

  function automatic int unsigned chain(int unsigned columns);
    chain = columns < CHAIN ? columns : CHAIN;
  endfunction

  // Cycles from a group's last beat to its dot products.
  function automatic int unsigned dsp_dot_latency(int unsigned columns);
    dsp_dot_latency = chain(columns) - 1 + DSP_STAGES + $clog2(columns / chain(columns));
  endfunction

  function automatic int unsigned lut_dot_latency(int unsigned columns, int unsigned group);
    lut_dot_latency = 1 + $clog2(columns) + (columns < group ? 1 : 0);
  endfunction

endpackage

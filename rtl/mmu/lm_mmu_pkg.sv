// Shapes and latencies of the parts of the MMU, in one place because its side channels have to take
// as many cycles as its dot products.
package lm_mmu_pkg;

  // No module uses all of them.
  // verilator lint_off UNUSEDPARAM

  localparam int unsigned FIELD_BITS = 18;  // from one row's product to the other's in a DSP
  localparam int unsigned PACKED_BITS = 33;  // FIELD_BITS and DOT_BITS
  localparam int unsigned CHAIN = 16;       // DSPs of a cascade, at most

  // Four products in a DSP. A field's sum of CHAIN products is in [-56 CHAIN, 64 CHAIN] = [-896, 1024];
  // with the bias, in [127, 2047], so that no field borrows from the one above it.
  localparam int unsigned QUAD_FIELD_BITS = 11;
  localparam int unsigned QUAD_BITS = 4 * QUAD_FIELD_BITS;
  localparam int unsigned QUAD_WIDE_BITS = 2 * QUAD_FIELD_BITS + 5;
  localparam logic [QUAD_FIELD_BITS-1:0] QUAD_BIAS = 11'd1023;
  localparam logic [47:0] QUAD_BIASES = 48'({4{QUAD_BIAS}});

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

  // The adders of the cascades and of the beats come after the last DSP.
  function automatic int unsigned quad_dot_latency(int unsigned columns);
    quad_dot_latency = dsp_dot_latency(columns) + 1;
  endfunction

  function automatic int unsigned lut_dot_latency(int unsigned columns, int unsigned group);
    lut_dot_latency = 1 + $clog2(columns) + (columns < group ? 1 : 0);
  endfunction

endpackage

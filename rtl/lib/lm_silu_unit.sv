// x / (1 + exp(-x)) of LANES numbers of fixed point. One beat per cycle, 6 cycles of latency.
// As silu() of src/accel/numerics/functions.h.
`include "lm_assert.svh"

module lm_silu_unit #(
    parameter int unsigned LANES = 4
) (
    input  logic clk_i,
    input  logic rst_ni,
    input  logic in_valid_i,
    output logic in_ready_o,
    input  logic [LANES*lightmamba_pkg::ACTIVATION_BITS-1:0] in_values_i,
    output logic out_valid_o,
    input  logic out_ready_i,
    output logic [LANES*lightmamba_pkg::ACTIVATION_BITS-1:0] out_values_o
);
  localparam int unsigned FRACTION_BITS = lightmamba_pkg::FRACTION_BITS;
  localparam int unsigned ACTIVATION_BITS = lightmamba_pkg::ACTIVATION_BITS;

  localparam int unsigned PAIRS = (LANES + 1) / 2;  // of lanes that share a ROM
  localparam int unsigned INDEX_BITS = 10;
  localparam int unsigned REST_BITS = FRACTION_BITS - 5;  // 32 entries in 1
  localparam int unsigned ENTRY_BITS = 17;
  localparam int unsigned RISE_BITS = 10;

  logic advance;
  logic [2*PAIRS*INDEX_BITS-1:0] index;
  logic [2*PAIRS*ENTRY_BITS-1:0] entry;
  logic [2*PAIRS*RISE_BITS-1:0] rise;

  lm_pipeline #(.CYCLES(6)) u_pipeline (
      .clk_i,
      .rst_ni,
      .in_valid_i,
      .in_ready_o,
      .advance_o(advance),
      .out_valid_o,
      .out_ready_i
  );

  // The table ends at -16 and 16; from_start of its first entry is 0.
  for (genvar lane = 0; lane < 2 * PAIRS; lane++) begin : gen_index
    if (lane < LANES) begin : gen_used
      logic [INDEX_BITS-1:0] place;
      assign place = in_values_i[lane*ACTIVATION_BITS+REST_BITS+:INDEX_BITS];
      assign index[lane*INDEX_BITS+:INDEX_BITS] = {~place[INDEX_BITS-1], place[INDEX_BITS-2:0]};
    end else begin : gen_none
      assign index[lane*INDEX_BITS+:INDEX_BITS] = '0;
    end
  end

  for (genvar pair = 0; pair < PAIRS; pair++) begin : gen_rom
    lm_sigmoid_rom u_sigmoid_rom (
        .clk_i,
        .advance_i(advance),
        .a_index_i(index[2*pair*INDEX_BITS+:INDEX_BITS]),
        .a_entry_o(entry[2*pair*ENTRY_BITS+:ENTRY_BITS]),
        .a_rise_o (rise[2*pair*RISE_BITS+:RISE_BITS]),
        .b_index_i(index[(2*pair+1)*INDEX_BITS+:INDEX_BITS]),
        .b_entry_o(entry[(2*pair+1)*ENTRY_BITS+:ENTRY_BITS]),
        .b_rise_o (rise[(2*pair+1)*RISE_BITS+:RISE_BITS])
    );
  end

  for (genvar lane = 0; lane < LANES; lane++) begin : gen_lane
    lm_silu_lane u_silu_lane (
        .clk_i,
        .advance_i(advance),
        .x_i      (in_values_i[lane*ACTIVATION_BITS+:ACTIVATION_BITS]),
        .entry_i  (entry[lane*ENTRY_BITS+:ENTRY_BITS]),
        .rise_i   (rise[lane*RISE_BITS+:RISE_BITS]),
        .y_o      (out_values_o[lane*ACTIVATION_BITS+:ACTIVATION_BITS])
    );
  end

  if (2 * PAIRS > LANES) begin : gen_unused
    logic unused;
    assign unused = &{1'b0, entry[LANES*ENTRY_BITS+:ENTRY_BITS], rise[LANES*RISE_BITS+:RISE_BITS]};
  end

  `LM_ASSERT_STREAM(out_holds, out_valid_o, out_ready_i, out_values_o)
endmodule

// Tiles of sums to single sums, without the rows that fill up the last tile of a segment. A product
// has one or two segments of rows, each in tiles of its own; a tile is a beat of ROWS sums for each
// slot in use, as lm_mmu gives them. The sums leave in the same order: for each tile the slots, for
// each slot its rows. One sum per cycle; a beat is taken while the last sum of the one before leaves.
`include "lm_assert.svh"

module lm_sum_serializer #(
    parameter int unsigned ROWS = 2,  // a power of two
    parameter int unsigned COUNT_BITS = 20,
    parameter int unsigned SLOTS = 1,
    localparam int unsigned SLOT_BITS = SLOTS > 1 ? $clog2(SLOTS) : 1,
    localparam int unsigned SLOTS_BITS = $clog2(SLOTS + 1)
) (
    input  logic clk_i,
    input  logic rst_ni,
    // Only when all sums of the product before have left.
    input  logic                  start_i,
    input  logic [COUNT_BITS-1:0] first_rows_i,   // at least 1
    input  logic [COUNT_BITS-1:0] second_rows_i,  // 0: one segment
    input  logic [SLOTS_BITS-1:0] slots_i,        // 1 ... SLOTS

    input  logic in_valid_i,
    output logic in_ready_o,
    input  logic [lightmamba_pkg::ACCUMULATOR_BITS*ROWS-1:0] in_sums_i,

    output logic out_valid_o,
    input  logic out_ready_i,
    output logic [lightmamba_pkg::ACCUMULATOR_BITS-1:0] out_sum_o,
    output logic [SLOT_BITS-1:0] out_slot_o,
    output logic out_is_second_o,  // segment
    output logic out_last_o        // of the product
);
  localparam int unsigned SUM_BITS = lightmamba_pkg::ACCUMULATOR_BITS;
  localparam int unsigned ROW_BITS = $clog2(ROWS);

  logic [COUNT_BITS-1:0] rows_left_q, second_rows_q;  // of the segment, with all of this tile
  logic [ROW_BITS-1:0] row_q;
  logic [SLOT_BITS-1:0] slot_q, last_slot_q;
  logic [SUM_BITS*ROWS-1:0] sums_q;
  logic holds_q, is_second_q, out_fire, is_last_tile, beat_last, tile_last, segment_last, in_fire;

  assign out_valid_o     = holds_q;
  assign out_sum_o       = sums_q[SUM_BITS-1:0];
  assign out_slot_o      = slot_q;
  assign out_is_second_o = is_second_q;
  assign is_last_tile    = rows_left_q <= COUNT_BITS'(ROWS);
  // The low bits of 1 ... ROWS rows, less one, are the last of them.
  assign beat_last = row_q == (is_last_tile ? ROW_BITS'(rows_left_q) : '0) - ROW_BITS'(1);
  assign tile_last       = beat_last && slot_q == last_slot_q;
  assign segment_last    = tile_last && is_last_tile;
  assign out_last_o      = segment_last && (is_second_q || second_rows_q == '0);
  assign out_fire        = holds_q && out_ready_i;
  assign in_ready_o      = !holds_q || (out_fire && beat_last);
  assign in_fire         = in_valid_i && in_ready_o;

  always_ff @(posedge clk_i) begin
    if (in_fire) sums_q <= in_sums_i;
    else if (out_fire) sums_q <= sums_q >> SUM_BITS;
  end

  always_ff @(posedge clk_i) begin
    if (!rst_ni) holds_q <= 1'b0;
    else holds_q <= in_fire || (holds_q && !(out_fire && beat_last));
  end

  always_ff @(posedge clk_i) begin
    if (start_i) begin
      rows_left_q   <= first_rows_i;
      second_rows_q <= second_rows_i;
      is_second_q   <= 1'b0;
      row_q         <= '0;
      slot_q        <= '0;
      last_slot_q   <= SLOTS == 1 ? '0 : SLOT_BITS'(slots_i - SLOTS_BITS'(1));
    end else if (out_fire) begin
      row_q <= beat_last ? '0 : row_q + ROW_BITS'(1);
      if (beat_last) slot_q <= tile_last ? '0 : slot_q + SLOT_BITS'(1);
      if (tile_last) rows_left_q <= rows_left_q - COUNT_BITS'(ROWS);
      if (segment_last) begin
        rows_left_q <= second_rows_q;
        is_second_q <= 1'b1;
      end
    end
  end

  `LM_ASSERT_START(starts_when_done, start_i, !holds_q)
  `LM_ASSERT_STREAM(out_holds, out_valid_o, out_ready_i,
                    {out_sum_o, out_slot_o, out_is_second_o, out_last_o})
endmodule

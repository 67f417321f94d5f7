// Tiles of sums to single sums, without the rows that fill up the last tile of a segment. A product
// has one or two segments of rows, each in tiles of its own. One sum per cycle; a tile is taken
// while the last sum of the one before leaves.
`include "lm_assert.svh"

module lm_sum_serializer #(
    parameter int unsigned ROWS = 2,  // a power of two
    parameter int unsigned COUNT_BITS = 20
) (
    input  logic clk_i,
    input  logic rst_ni,
    // Only when all sums of the product before have left.
    input  logic                  start_i,
    input  logic [COUNT_BITS-1:0] first_rows_i,   // at least 1
    input  logic [COUNT_BITS-1:0] second_rows_i,  // 0: one segment

    input  logic in_valid_i,
    output logic in_ready_o,
    input  logic [lightmamba_pkg::ACCUMULATOR_BITS*ROWS-1:0] in_sums_i,

    output logic out_valid_o,
    input  logic out_ready_i,
    output logic [lightmamba_pkg::ACCUMULATOR_BITS-1:0] out_sum_o,
    output logic out_is_second_o,  // segment
    output logic out_last_o        // of the product
);
  localparam int unsigned SUM_BITS = lightmamba_pkg::ACCUMULATOR_BITS;
  localparam int unsigned ROW_BITS = $clog2(ROWS);

  logic [COUNT_BITS-1:0] rows_left_q, second_rows_q;  // of the segment
  logic [ROW_BITS-1:0] row_q;
  logic [SUM_BITS*ROWS-1:0] sums_q;
  logic holds_q, is_second_q, out_fire, segment_last, tile_last, in_fire;

  assign out_valid_o     = holds_q;
  assign out_sum_o       = sums_q[SUM_BITS-1:0];
  assign out_is_second_o = is_second_q;
  assign segment_last    = rows_left_q == COUNT_BITS'(1);
  assign tile_last       = segment_last || row_q == ROW_BITS'(ROWS - 1);
  assign out_last_o      = segment_last && (is_second_q || second_rows_q == '0);
  assign out_fire        = holds_q && out_ready_i;
  assign in_ready_o      = !holds_q || (out_fire && tile_last);
  assign in_fire         = in_valid_i && in_ready_o;

  always_ff @(posedge clk_i) begin
    if (in_fire) sums_q <= in_sums_i;
    else if (out_fire) sums_q <= sums_q >> SUM_BITS;
  end

  always_ff @(posedge clk_i) begin
    if (!rst_ni) holds_q <= 1'b0;
    else holds_q <= in_fire || (holds_q && !(out_fire && tile_last));
  end

  always_ff @(posedge clk_i) begin
    if (start_i) begin
      rows_left_q   <= first_rows_i;
      second_rows_q <= second_rows_i;
      is_second_q   <= 1'b0;
      row_q         <= '0;
    end else if (out_fire) begin
      row_q       <= tile_last ? '0 : row_q + ROW_BITS'(1);
      rows_left_q <= rows_left_q - COUNT_BITS'(1);
      if (segment_last) begin
        rows_left_q <= second_rows_q;
        is_second_q <= 1'b1;
      end
    end
  end

  `LM_ASSERT_START(starts_when_done, start_i, !holds_q)
  `LM_ASSERT_STREAM(out_holds, out_valid_o, out_ready_i, {out_sum_o, out_is_second_o, out_last_o})
endmodule

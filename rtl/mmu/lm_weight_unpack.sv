// Takes a channel's weights apart: a word with the scales of the next COLUMNS / 4 groups, then the
// words of these groups' codes (docs/memory-map.md). Codes pass without delay; a word of scales
// takes a cycle of its own. The scales are those of the group whose codes are out.
module lm_weight_unpack #(
    parameter int unsigned ROWS = 2,  // of the channel
    parameter int unsigned COLUMNS = 32,
    localparam int unsigned WORD_BITS = 4 * ROWS * COLUMNS,
    localparam int unsigned SCALES_BITS = lightmamba_pkg::SCALE_BITS * ROWS
) (
    input  logic                   clk_i,
    input  logic                   rst_ni,
    input  logic                   clear_i,  // the next word begins a token
    input  logic                   in_valid_i,
    output logic                   in_ready_o,
    input  logic [WORD_BITS-1:0]   in_data_i,
    output logic                   out_valid_o,
    input  logic                   out_ready_i,
    output logic [WORD_BITS-1:0]   out_codes_o,
    output logic [SCALES_BITS-1:0] out_scales_o
);
  localparam int unsigned BEATS = lightmamba_pkg::GROUP / COLUMNS;
  localparam int unsigned WORDS = COLUMNS / 4 * BEATS;  // of codes for each of scales
  localparam int unsigned WORDS_BITS = $clog2(WORDS + 1);

  logic [WORDS_BITS-1:0] left_q;
  logic [WORD_BITS-1:0] scales_q;
  logic has_scales, codes_fire, group_last;

  assign has_scales   = left_q != '0;
  assign in_ready_o   = !has_scales || out_ready_i;
  assign out_valid_o  = has_scales && in_valid_i;
  assign out_codes_o  = in_data_i;
  assign out_scales_o = scales_q[SCALES_BITS-1:0];
  assign codes_fire   = out_valid_o && out_ready_i;

  if (BEATS == 1) begin : gen_one_beat
    assign group_last = 1'b1;
  end else begin : gen_beats
    // WORDS is a multiple of BEATS, so a group ends where this many are left after it.
    assign group_last = left_q[$clog2(BEATS)-1:0] == $clog2(BEATS)'(1);
  end

  always_ff @(posedge clk_i) begin
    if (!has_scales) scales_q <= in_data_i;
    else if (codes_fire && group_last) scales_q <= scales_q >> SCALES_BITS;
  end

  always_ff @(posedge clk_i) begin
    if (!rst_ni || clear_i) left_q <= '0;
    else if (!has_scales && in_valid_i) left_q <= WORDS_BITS'(WORDS);
    else if (codes_fire) left_q <= left_q - WORDS_BITS'(1);
  end
endmodule

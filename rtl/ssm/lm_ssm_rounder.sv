// Keeps rows of the state from their step until the largest magnitude of each is known, then rounds
// them to codes that it fits. A beat of LANES in and one out per cycle. Part of lm_ssm_unit. As the
// end of step_channel() of src/accel/numerics/ssm_unit.h, with state_bits = 16 or 8.
//
// A magnitude has 29 bits, so a code is the upper 16 or 8 of the 30 bits that are left of h once it
// is shifted to the left as far as the largest magnitude allows. The dither is added to the lower
// 14 or 22, where there is nothing below the bits of h to carry. A code of 8 bits that is rounded
// beyond the largest saturates.
`include "lm_assert.svh"

module lm_ssm_rounder #(
    parameter int unsigned LANES = 4,
    parameter int unsigned BEATS = 32,  // of a row
    parameter int unsigned DEPTH = 64   // in beats, a power of two, at least BEATS
) (
    input  logic clk_i,
    input  logic rst_ni,
    input  logic is_short_i,  // codes of 8 bits, in the lower half of each; steady

    input  logic                valid_i,
    input  logic [LANES*30-1:0] h_i,

    // Of the same beats, two cycles later.
    input  logic                size_valid_i,
    input  logic                size_first_i,  // of its row
    input  logic                size_last_i,
    input  logic [LANES*29-1:0] sizes_i,       // of lm_ssm_lane
    input  logic signed [10:0]  exponent_i,    // of h
    input  logic [15:0]         dither_i,      // of the row's first element

    output logic left_o,  // a beat has left its place

    output logic                valid_o,
    input  logic                ready_i,
    output logic signed [7:0]   exponent_o,
    output logic [LANES*16-1:0] codes_o
);
  localparam int unsigned H_BITS = 30;
  localparam int unsigned SIZE_BITS = H_BITS - 1;
  localparam int unsigned LEFT_BITS = 5;
  localparam int unsigned CODE_BITS = lightmamba_pkg::STATE_BITS;
  localparam int unsigned DITHER_BITS = lightmamba_pkg::DITHER_BITS;
  localparam int unsigned SHORT_BITS = lightmamba_pkg::SHORT_STATE_BITS;
  localparam int unsigned FRACTION_BITS = H_BITS - CODE_BITS;
  localparam int unsigned SHORT_FRACTION_BITS = H_BITS - SHORT_BITS;
  localparam logic [SHORT_BITS-1:0] MAX_SHORT = 8'd127;
  localparam logic signed [7:0] ZERO_EXPONENT = lightmamba_pkg::ZERO_EXPONENT;
  localparam logic [DITHER_BITS-1:0] DITHER_INDEX = lightmamba_pkg::DITHER_INDEX;
  localparam int unsigned PLACE_BITS = $clog2(DEPTH);
  localparam int unsigned BEAT_BITS = $clog2(BEATS);
  localparam int unsigned ROWS = DEPTH / BEATS;
  localparam int unsigned ROW_BITS = ROWS > 1 ? $clog2(ROWS) : 1;

  // 1 and 2: the OR of a beat, and of the row so far.
  logic [SIZE_BITS-1:0] beat_size_d, beat_size_q, row_size_q;
  logic size_valid_q, size_first_q, size_last_q, row_valid_q;
  logic signed [10:0] exponent_q, row_exponent_q;
  logic [DITHER_BITS-1:0] dither_q, row_dither_q;

  always_comb begin
    beat_size_d = '0;
    for (int unsigned lane = 0; lane < LANES; lane++) begin
      beat_size_d = beat_size_d | sizes_i[lane*SIZE_BITS+:SIZE_BITS];
    end
  end

  always_ff @(posedge clk_i) begin
    beat_size_q <= beat_size_d;
    size_first_q <= size_first_i;
    size_last_q <= size_last_i;
    exponent_q <= exponent_i;
    dither_q <= dither_i;
    if (size_valid_q) row_size_q <= (size_first_q ? '0 : row_size_q) | beat_size_q;
    row_exponent_q <= exponent_q;
    row_dither_q <= dither_q;
  end

  // 3: the shift to the left of its largest magnitude.
  logic [LEFT_BITS-1:0] left_d;
  logic found_valid_q, found_zero_q;
  logic [LEFT_BITS-1:0] found_left_q;
  logic signed [10:0] found_exponent_q;
  logic [DITHER_BITS-1:0] found_dither_q;

  always_comb begin
    left_d = '0;
    for (int unsigned i = 0; i < SIZE_BITS; i++) begin
      if (row_size_q[i]) left_d = LEFT_BITS'(SIZE_BITS - 1 - i);
    end
  end

  always_ff @(posedge clk_i) begin
    found_left_q <= left_d;
    found_zero_q <= row_size_q == 0;
    found_exponent_q <= row_exponent_q;
    found_dither_q <= row_dither_q;
  end

  always_ff @(posedge clk_i) begin
    if (!rst_ni) begin
      size_valid_q <= 1'b0;
      row_valid_q <= 1'b0;
      found_valid_q <= 1'b0;
    end else begin
      size_valid_q <= size_valid_i;
      row_valid_q <= size_valid_q && size_last_q;
      found_valid_q <= row_valid_q;
    end
  end

  // 4: the exponent of the codes, into a queue of rows as long as the places.
  localparam logic signed [10:0] NO_EXPONENT = -11'sd128;  // ZERO_EXPONENT
  localparam int unsigned ROW_WIDTH = 1 + LEFT_BITS + 8 + DITHER_BITS;
  (* ram_style = "distributed" *) logic [ROW_WIDTH-1:0] rows_q[ROWS];
  logic signed [10:0] found_code_exponent;
  logic found_nothing, is_nothing;
  logic [ROW_BITS-1:0] row_write_q, row_read_q;
  logic [ROW_BITS:0] rows_waiting_q;
  logic [ROW_WIDTH-1:0] row;
  logic [LEFT_BITS-1:0] left;
  logic signed [7:0] code_exponent;
  logic [DITHER_BITS-1:0] first_dither;

  // A row below the smallest exponent is 0, so that a state which only decays ends there.
  assign found_code_exponent = found_exponent_q - 11'(found_left_q) +
      (is_short_i ? 11'(SHORT_FRACTION_BITS) : 11'(FRACTION_BITS));
  assign found_nothing = found_zero_q || found_code_exponent <= NO_EXPONENT;
  assign row = rows_q[row_read_q];
  assign {is_nothing, left, code_exponent, first_dither} = row;

  // Rows leave in their order, their beats one after the other.
  (* ram_style = "distributed" *) logic [LANES*H_BITS-1:0] places_q[DEPTH];
  logic [PLACE_BITS-1:0] place_write_q, place_read_q;
  logic [BEAT_BITS-1:0] beat_q;
  logic is_first, is_last, room, beat_fire, row_fire;

  assign is_first = beat_q == 0;
  assign is_last = beat_q == BEAT_BITS'(BEATS - 1);
  assign beat_fire = rows_waiting_q != 0 && room;
  assign row_fire = beat_fire && is_last;
  assign left_o = beat_fire;

  always_ff @(posedge clk_i) begin
    if (found_valid_q) begin
      rows_q[row_write_q] <= {
        found_nothing,
        found_left_q,
        found_nothing ? ZERO_EXPONENT : found_code_exponent[7:0],
        found_dither_q
      };
    end
    if (valid_i) places_q[place_write_q] <= h_i;
  end

  always_ff @(posedge clk_i) begin
    if (!rst_ni) begin
      row_write_q <= '0;
      row_read_q <= '0;
      rows_waiting_q <= '0;
      place_write_q <= '0;
      place_read_q <= '0;
      beat_q <= '0;
    end else begin
      if (ROWS > 1) begin
        row_write_q <= row_write_q + ROW_BITS'(found_valid_q);
        row_read_q <= row_read_q + ROW_BITS'(row_fire);
      end
      rows_waiting_q <= rows_waiting_q + (ROW_BITS + 1)'(found_valid_q) -
          (ROW_BITS + 1)'(row_fire);
      place_write_q <= place_write_q + PLACE_BITS'(valid_i);
      place_read_q <= place_read_q + PLACE_BITS'(beat_fire);
      if (beat_fire) beat_q <= is_last ? '0 : beat_q + BEAT_BITS'(1);
    end
  end

  // 1 to 3 after that: a beat is read, shifted and rounded.
  logic [LANES*H_BITS-1:0] h_q;
  logic [LANES*CODE_BITS-1:0] codes;
  logic [LEFT_BITS-1:0] left_q;
  logic [DITHER_BITS-1:0] beat_dither_q;
  logic signed [7:0] code_exponent_q, code_exponent_2_q, code_exponent_3_q;
  logic [2:0] code_valid_q;

  always_ff @(posedge clk_i) begin
    h_q <= is_nothing ? '0 : places_q[place_read_q];
    left_q <= left;
    if (beat_fire) begin
      beat_dither_q <= is_first ? first_dither
                                   : beat_dither_q + DITHER_INDEX * DITHER_BITS'(LANES);
    end
    code_exponent_q <= code_exponent;
    code_exponent_2_q <= code_exponent_q;
    code_exponent_3_q <= code_exponent_2_q;
  end

  always_ff @(posedge clk_i) begin
    if (!rst_ni) code_valid_q <= '0;
    else code_valid_q <= {code_valid_q[1:0], beat_fire};
  end

  for (genvar lane = 0; lane < LANES; lane++) begin : gen_lane
    logic signed [H_BITS-1:0] h, shifted_q;
    logic signed [H_BITS-1:0] rounded;
    logic [DITHER_BITS-1:0] dither;
    logic [SHORT_FRACTION_BITS-1:0] addend_q;
    logic [CODE_BITS-1:0] code_q;

    assign h = h_q[lane*H_BITS+:H_BITS];
    assign rounded = shifted_q + $signed({{SHORT_BITS{1'b0}}, addend_q});
    assign dither = beat_dither_q + DITHER_INDEX * DITHER_BITS'(lane);

    always_ff @(posedge clk_i) begin
      shifted_q <= h <<< left_q;
      addend_q <= is_short_i ? {dither, (SHORT_FRACTION_BITS - DITHER_BITS)'(0)}
                             : SHORT_FRACTION_BITS'(dither[DITHER_BITS-1-:FRACTION_BITS]);
      if (!is_short_i) code_q <= CODE_BITS'(rounded >>> FRACTION_BITS);
      else if (rounded[H_BITS-1] && !shifted_q[H_BITS-1]) code_q <= CODE_BITS'(MAX_SHORT);
      else code_q <= CODE_BITS'(rounded >>> SHORT_FRACTION_BITS);
    end

    assign codes[lane*CODE_BITS+:CODE_BITS] = code_q;
  end

  lm_credit_fifo #(
      .WIDTH(8 + LANES * CODE_BITS),
      .DEPTH(16)
  ) u_out (
      .clk_i,
      .rst_ni,
      .has_room_o(room),
      .reserve_i (beat_fire),
      .push_i    (code_valid_q[2]),
      .data_i    ({code_exponent_3_q, codes}),
      .valid_o,
      .ready_i,
      .data_o    ({exponent_o, codes_o})
  );

  `LM_ASSERT(rows_have_places, rows_waiting_q <= (ROW_BITS + 1)'(ROWS))
endmodule

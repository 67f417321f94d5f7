// SSMU: the step of the state of one head after the other, y of each of its rows, and the state
// rounded for the next token. LANES elements of the state per cycle, so a row in D_STATE / LANES
// cycles without a gap, also between heads. As step_channel() of src/accel/numerics/ssm_unit.h for
// each row of a head, with state_bits = 16 or 8. After the last beat of a row has entered, its first
// rounded beat comes out in the 19th cycle and y in the 22nd, with 64 LANES in the 24th.
//
// A beat passes lm_ssm_row and LANES of lm_ssm_lane, which never stall: it enters only where there
// is room for it in lm_ssm_rounder and for y. B and C of a head's bank have to be written before
// the head enters and stay until y of its last row has left. Where an exponent is ZERO_EXPONENT its
// codes are 0, and 1 - a is at most 1.
`include "lm_assert.svh"

module lm_ssm_unit #(
    parameter int unsigned LANES = 4,  // divides BLOCK
    parameter int unsigned D_STATE = 128,  // a power of two, as all of these
    parameter int unsigned BLOCK = 64,  // of B and C
    parameter int unsigned ROWS_BITS = 8,
    parameter int unsigned Y_PLACES = 32,  // for y that waits
    localparam int unsigned BEATS = D_STATE / LANES,
    localparam int unsigned BEAT_BITS = $clog2(BEATS)
) (
    input  logic clk_i,
    input  logic rst_ni,
    input  logic is_short_i,  // the state's codes have 8 bits; steady while there is work

    // B and C, by beats of elements. The exponent is that of the beat's block.
    input  logic                 b_write_i,
    input  logic                 b_bank_i,
    input  logic [BEAT_BITS-1:0] b_beat_i,
    input  logic [LANES*8-1:0]   b_codes_i,
    input  logic signed [7:0]    b_exponent_i,
    input  logic                 c_write_i,
    input  logic                 c_bank_i,
    input  logic [BEAT_BITS-1:0] c_beat_i,
    input  logic [LANES*8-1:0]   c_codes_i,
    input  logic signed [7:0]    c_exponent_i,

    input  logic                    head_valid_i,
    output logic                    head_ready_o,
    input  logic                    head_bank_i,
    input  logic [ROWS_BITS-1:0]    head_rows_i,  // at least 1
    input  lm_types_pkg::ssm_head_t head_i,

    input  logic              row_valid_i,
    output logic              row_ready_o,
    input  logic signed [7:0] row_x_i,

    input  logic                state_valid_i,
    output logic                state_ready_o,
    input  logic signed [7:0]   state_exponent_i,  // with the first beat of a row
    input  logic [LANES*16-1:0] state_codes_i,

    output logic                state_valid_o,
    input  logic                state_ready_i,
    output logic signed [7:0]   state_exponent_o,  // with all beats of a row
    output logic [LANES*16-1:0] state_codes_o,

    output logic               y_valid_o,
    input  logic               y_ready_i,
    output logic signed [31:0] y_o
);
  localparam int unsigned BLOCKS = D_STATE / BLOCK;
  localparam int unsigned BLOCK_BITS = BLOCKS > 1 ? $clog2(BLOCKS) : 1;
  localparam int unsigned BLOCK_BEATS = BLOCK / LANES;
  localparam int unsigned BLOCK_BEAT_BITS = $clog2(BLOCK_BEATS);
  // A beat keeps a place for all of its row and until the largest magnitude is known.
  localparam int unsigned PLACES = 1 << $clog2(BEATS + 20);
  localparam int unsigned PLACE_BITS = $clog2(PLACES);
  // The dither of a row is that of the row before and this.
  localparam logic [15:0] ROW_DITHER = lightmamba_pkg::DITHER_INDEX * 16'(D_STATE);

  // Stages of a beat, from its register.
  localparam int unsigned OPERANDS = 3;
  localparam int unsigned STEPPED = OPERANDS + 5;
  localparam int unsigned SIZED = OPERANDS + 7;
  localparam int unsigned MULTIPLIED = OPERANDS + 8;

  // The head whose rows enter, and the next.
  logic next_valid_q, head_valid_q, next_bank_q, head_bank_q;
  logic [ROWS_BITS-1:0] rows_left_q, next_rows_q;
  lm_types_pkg::ssm_head_t head_q, next_head_q;

  // The next row's x.
  logic x_valid_q;
  logic signed [7:0] x_q;

  logic [BEAT_BITS-1:0] beat_q;
  logic is_first, is_last, beat_fire, row_fire, head_end, head_load, has_places, has_y_place;
  logic [PLACE_BITS:0] used_q;
  logic place_left;

  assign is_first = beat_q == 0;
  assign is_last = beat_q == BEAT_BITS'(BEATS - 1);
  assign has_places = !used_q[PLACE_BITS];
  assign state_ready_o = head_valid_q && has_places && (!is_first || (x_valid_q && has_y_place));
  assign beat_fire = state_valid_i && state_ready_o;
  assign row_fire = beat_fire && is_first;
  assign head_end = beat_fire && is_last && rows_left_q == ROWS_BITS'(1);
  assign head_load = next_valid_q && (!head_valid_q || head_end);
  assign head_ready_o = !next_valid_q;
  assign row_ready_o = !x_valid_q;

  always_ff @(posedge clk_i) begin
    if (!rst_ni) begin
      next_valid_q <= 1'b0;
      head_valid_q <= 1'b0;
      x_valid_q <= 1'b0;
      beat_q <= '0;
      used_q <= '0;
    end else begin
      next_valid_q <= head_ready_o ? head_valid_i : !head_load;
      head_valid_q <= head_load || (head_valid_q && !head_end);
      x_valid_q <= row_ready_o ? row_valid_i : !row_fire;
      if (beat_fire) beat_q <= is_last ? '0 : beat_q + BEAT_BITS'(1);
      used_q <= used_q + (PLACE_BITS + 1)'(beat_fire) - (PLACE_BITS + 1)'(place_left);
    end
  end

  always_ff @(posedge clk_i) begin
    if (row_ready_o) x_q <= row_x_i;
    if (head_ready_o) begin
      next_bank_q <= head_bank_i;
      next_rows_q <= head_rows_i;
      next_head_q <= head_i;
    end
    if (beat_fire && is_last) begin
      rows_left_q <= rows_left_q - ROWS_BITS'(1);
      head_q.dither <= head_q.dither + ROW_DITHER;
    end
    if (head_load) begin
      head_bank_q <= next_bank_q;
      rows_left_q <= next_rows_q;
      head_q <= next_head_q;
    end
  end

  // The beat that has entered, and its row.
  logic [MULTIPLIED:0] valid_q;
  logic [LANES*16-1:0] beat_codes_q;
  logic beat_first_q, beat_last_q, beat_bank_q;
  logic [BEAT_BITS-1:0] beat_index_q;
  logic signed [7:0] row_x_q, row_state_exponent_q;
  lm_types_pkg::ssm_head_t row_head_q;

  always_ff @(posedge clk_i) begin
    if (!rst_ni) valid_q <= '0;
    else valid_q <= {valid_q[MULTIPLIED-1:0], beat_fire};
  end

  always_ff @(posedge clk_i) begin
    beat_codes_q <= state_codes_i;
    beat_first_q <= is_first;
    beat_last_q <= is_last;
    beat_index_q <= beat_q;
    if (row_fire) begin
      beat_bank_q <= head_bank_q;
      row_x_q <= x_q;
      row_state_exponent_q <= state_exponent_i;
      row_head_q <= head_q;
    end
  end

  // B and C: [bank][beat] and [bank][block].
  (* ram_style = "distributed" *) logic [LANES*8-1:0] b_codes_q[2*BEATS];
  (* ram_style = "distributed" *) logic [LANES*8-1:0] c_codes_q[2*BEATS];
  logic [2*BLOCKS*8-1:0] b_exponents_q, c_exponents_q;
  logic [BLOCKS*8-1:0] b_exponents, c_exponents;
  logic signed [7:0] b_exponent, c_exponent;
  logic [BLOCK_BITS-1:0] b_write_block, c_write_block, beat_block;

  assign b_write_block = BLOCK_BITS'(b_beat_i >> BLOCK_BEAT_BITS);
  assign c_write_block = BLOCK_BITS'(c_beat_i >> BLOCK_BEAT_BITS);
  assign beat_block = BLOCK_BITS'(beat_index_q >> BLOCK_BEAT_BITS);

  always_ff @(posedge clk_i) begin
    if (b_write_i) begin
      b_codes_q[{b_bank_i, b_beat_i}] <= b_codes_i;
      b_exponents_q[{b_bank_i, b_write_block}*8+:8] <= b_exponent_i;
    end
    if (c_write_i) begin
      c_codes_q[{c_bank_i, c_beat_i}] <= c_codes_i;
      c_exponents_q[{c_bank_i, c_write_block}*8+:8] <= c_exponent_i;
    end
  end

  assign b_exponents = b_exponents_q[beat_bank_q*BLOCKS*8+:BLOCKS*8];
  assign c_exponents = c_exponents_q[beat_bank_q*BLOCKS*8+:BLOCKS*8];
  assign b_exponent = b_exponents[beat_block*8+:8];
  assign c_exponent = c_exponents[beat_block*8+:8];

  // What the row shares, ahead of the elements.
  logic signed [15:0] u, u_operand;
  logic signed [23:0] direct;
  logic signed [9:0] direct_shift;
  logic signed [10:0] exponent, sized_exponent;
  logic signed [10:0] y_shift;
  logic [4:0] kept_shift, lost_shift, added_shift;
  logic [7:0] complement_operand;
  logic [15:0] sized_dither;

  lm_ssm_row #(
      .BLOCKS(BLOCKS)
  ) u_row (
      .clk_i,
      .dt_i                 (row_head_q.decay.dt),
      .complement_exponent_i(row_head_q.decay.complement.exponent),
      .x_i                  (row_x_q),
      .x_exponent_i         (row_head_q.x_exponent),
      .skip_i               (row_head_q.skip),
      .state_exponent_i     (row_state_exponent_q),
      .b_exponents_i        (b_exponents),
      .b_exponent_i         (b_exponent),
      .c_exponent_i         (c_exponent),
      .u_o                  (u),
      .direct_o             (direct),
      .direct_shift_o       (direct_shift),
      .exponent_o           (exponent),
      .y_shift_o            (y_shift),
      .kept_shift_o         (kept_shift),
      .lost_shift_o         (lost_shift),
      .added_shift_o        (added_shift)
  );

  lm_shift_register #(
      .BITS  (16),
      .CYCLES(OPERANDS - 1)
  ) u_u_operand (
      .clk_i,
      .advance_i(1'b1),
      .x_i      (u),
      .y_o      (u_operand)
  );

  lm_shift_register #(
      .BITS  (8),
      .CYCLES(OPERANDS)
  ) u_complement (
      .clk_i,
      .advance_i(1'b1),
      .x_i      (row_head_q.decay.complement.mantissa),
      .y_o      (complement_operand)
  );

  lm_shift_register #(
      .BITS  (11),
      .CYCLES(SIZED - 3)
  ) u_exponent (
      .clk_i,
      .advance_i(1'b1),
      .x_i      (exponent),
      .y_o      (sized_exponent)
  );

  lm_shift_register #(
      .BITS  (16),
      .CYCLES(SIZED)
  ) u_dither (
      .clk_i,
      .advance_i(1'b1),
      .x_i      (row_head_q.dither),
      .y_o      (sized_dither)
  );

  // The elements and their operands.
  logic [LANES*16-1:0] code_operands;
  logic [LANES*8-1:0] b_operands_q, c_operands_q;
  logic [BEAT_BITS:0] b_place, c_place;
  logic [LANES*30-1:0] h;
  logic [LANES*29-1:0] sizes;
  logic [LANES*33-1:0] products;

  lm_shift_register #(
      .BITS  (LANES * 16),
      .CYCLES(OPERANDS)
  ) u_codes (
      .clk_i,
      .advance_i(1'b1),
      .x_i      (beat_codes_q),
      .y_o      (code_operands)
  );

  lm_shift_register #(
      .BITS  (1 + BEAT_BITS),
      .CYCLES(OPERANDS - 1)
  ) u_b_place (
      .clk_i,
      .advance_i(1'b1),
      .x_i      ({beat_bank_q, beat_index_q}),
      .y_o      (b_place)
  );

  lm_shift_register #(
      .BITS  (1 + BEAT_BITS),
      .CYCLES(STEPPED - OPERANDS + 1)
  ) u_c_place (
      .clk_i,
      .advance_i(1'b1),
      .x_i      (b_place),
      .y_o      (c_place)
  );

  always_ff @(posedge clk_i) begin
    b_operands_q <= b_codes_q[b_place];
    c_operands_q <= c_codes_q[c_place];
  end

  for (genvar lane = 0; lane < LANES; lane++) begin : gen_lane
    lm_ssm_lane u_lane (
        .clk_i,
        .is_short_i,
        .code_i       (code_operands[lane*16+:16]),
        .complement_i (complement_operand),
        .u_i          (u_operand),
        .b_i          (b_operands_q[lane*8+:8]),
        .kept_shift_i (kept_shift),
        .lost_shift_i (lost_shift),
        .added_shift_i(added_shift),
        .c_i          (c_operands_q[lane*8+:8]),
        .h_o          (h[lane*30+:30]),
        .size_o       (sizes[lane*29+:29]),
        .product_o    (products[lane*33+:33])
    );
  end

  // Where a beat is within its row and block, until its sizes and its products are there.
  logic is_sized_first, is_sized_last, is_sized_block_first, is_sized_block_last;
  logic [3:0] multiplied_tags;

  lm_shift_register #(
      .BITS  (4),
      .CYCLES(SIZED)
  ) u_sized_tags (
      .clk_i,
      .advance_i(1'b1),
      .x_i      ({
        beat_first_q,
        beat_last_q,
        beat_index_q % BEAT_BITS'(BLOCK_BEATS) == 0,
        beat_index_q % BEAT_BITS'(BLOCK_BEATS) == BEAT_BITS'(BLOCK_BEATS - 1)
      }),
      .y_o({is_sized_first, is_sized_last, is_sized_block_first, is_sized_block_last})
  );

  lm_shift_register #(
      .BITS  (4),
      .CYCLES(MULTIPLIED - SIZED)
  ) u_multiplied_tags (
      .clk_i,
      .advance_i(1'b1),
      .x_i      ({is_sized_first, is_sized_last, is_sized_block_first, is_sized_block_last}),
      .y_o      (multiplied_tags)
  );

  lm_ssm_rounder #(
      .LANES(LANES),
      .BEATS(BEATS),
      .DEPTH(PLACES)
  ) u_rounder (
      .clk_i,
      .rst_ni,
      .is_short_i,
      .valid_i     (valid_q[STEPPED]),
      .h_i         (h),
      .size_valid_i(valid_q[SIZED]),
      .size_first_i(is_sized_first),
      .size_last_i (is_sized_last),
      .sizes_i     (sizes),
      .exponent_i  (sized_exponent),
      .dither_i    (sized_dither),
      .left_o      (place_left),
      .valid_o     (state_valid_o),
      .ready_i     (state_ready_i),
      .exponent_o  (state_exponent_o),
      .codes_o     (state_codes_o)
  );

  logic output_valid;
  logic signed [31:0] output_y;

  lm_ssm_output #(
      .LANES(LANES),
      .BLOCK(BLOCK)
  ) u_output (
      .clk_i,
      .rst_ni,
      .valid_i         (valid_q[MULTIPLIED]),
      .first_i         (multiplied_tags[3]),
      .last_i          (multiplied_tags[2]),
      .first_of_block_i(multiplied_tags[1]),
      .last_of_block_i (multiplied_tags[0]),
      .products_i      (products),
      .shift_i         (y_shift),
      .direct_i        (direct),
      .direct_shift_i  (direct_shift),
      .valid_o         (output_valid),
      .y_o             (output_y)
  );

  lm_credit_fifo #(
      .WIDTH(32),
      .DEPTH(Y_PLACES)
  ) u_y (
      .clk_i,
      .rst_ni,
      .has_room_o(has_y_place),
      .reserve_i (row_fire),
      .push_i    (output_valid),
      .data_i    (output_y),
      .valid_o   (y_valid_o),
      .ready_i   (y_ready_i),
      .data_o    (y_o)
  );

  `LM_ASSERT(beats_have_places, used_q <= (PLACE_BITS + 1)'(PLACES))
endmodule

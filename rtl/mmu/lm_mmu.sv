// Matrix unit: products of a matrix of 4-bit weights with vectors of 4-bit activations, one in each of
// SLOTS slots, ROWS rows by COLUMNS columns each cycle, in all slots. Each sum is multiply_row() of
// src/accel/numerics/mmu.h for one row and one slot.
//
// The vectors, all of one length, are written first: codes and each group's multiplier, slot by slot,
// into one of two banks, of which bank_busy_o says whether a product still needs them. The codes of
// columns that the last group lacks must be 0. Then a product is started, with slots_i slots in use,
// and its weights follow, once for all slots: for each tile of ROWS rows the groups in order, each
// GROUP / COLUMNS beats; the scales of its rows come with the last. After each tile its sums leave:
// for each slot in use, in order, a beat with a sum of each row.
//
// One slot's products are made in DSPs two by two, those of more slots four by four; those of the last
// LUT_SLOTS slots in LUTs, for a device that has more of these.
//
// Throughput: a beat of weights in each cycle, across groups, tiles and products (a product that is
// started before the one before it has ended), and a beat of sums in each cycle, which is too slow
// only for tiles of fewer beats than slots. Weights stall only while DEPTH tiles are on their way or
// wait at the output. Latency from a tile's last beat to its sums with ROWS = 2, COLUMNS = 32: 29
// cycles with DSPs, 16 without; to its last sums with 2 slots 32 and 18, with 8 slots 36 with DSPs.
`include "lm_assert.svh"

module lm_mmu #(
    parameter int unsigned ROWS = 2,      // even
    parameter int unsigned COLUMNS = 32,  // a power of two, at most GROUP
    parameter int unsigned MAX_GROUPS = 127,
    parameter int unsigned TILE_BITS = 16,
    parameter int unsigned USE_DSP = 1,
    parameter int unsigned SLOTS = 1,      // a power of two
    parameter int unsigned LUT_SLOTS = 0,  // an even number; the last ones, in LUTs even if USE_DSP
    localparam int unsigned BEATS = lightmamba_pkg::GROUP / COLUMNS,  // of a group
    localparam int unsigned GROUP_BITS = $clog2(MAX_GROUPS),
    localparam int unsigned WORD_BITS = $clog2(MAX_GROUPS * BEATS),
    localparam int unsigned SLOT_BITS = SLOTS > 1 ? $clog2(SLOTS) : 1,
    localparam int unsigned SLOTS_BITS = $clog2(SLOTS + 1)
) (
    input  logic clk_i,
    input  logic rst_ni,

    // A slot's vector. Word group * BEATS + part has columns part * COLUMNS ... of its group.
    input  logic                  vector_bank_i,
    input  logic [SLOT_BITS-1:0]  vector_slot_i,
    input  logic                  code_we_i,
    input  logic [WORD_BITS-1:0]  code_address_i,
    input  logic [4*COLUMNS-1:0]  codes_i,
    input  logic                  multiplier_we_i,
    input  logic [GROUP_BITS-1:0] multiplier_group_i,
    input  logic [lightmamba_pkg::MULTIPLIER_BITS-1:0] multiplier_i,
    output logic [1:0]            bank_busy_o,

    // A product, of as many groups, tiles and slots.
    input  logic                 start_valid_i,
    output logic                 start_ready_o,
    input  logic                 start_bank_i,
    input  logic [GROUP_BITS:0]  groups_i,
    input  logic [TILE_BITS-1:0] tiles_i,
    input  logic [SLOTS_BITS-1:0] slots_i,  // 1 ... SLOTS

    // Weights: row r, column c at 4 * (r * COLUMNS + c).
    input  logic                      w_valid_i,
    output logic                      w_ready_o,
    input  logic [4*ROWS*COLUMNS-1:0] w_codes_i,
    input  logic [lightmamba_pkg::SCALE_BITS*ROWS-1:0] w_scales_i,  // with a group's last beat

    // Sums of a slot.
    output logic sums_valid_o,
    input  logic sums_ready_i,
    output logic [lightmamba_pkg::ACCUMULATOR_BITS*ROWS-1:0] sums_o,
    output logic last_o  // of the product's beats of sums
);
  localparam int unsigned SCALE_STAGES = lm_mmu_pkg::SCALE_STAGES;
  localparam int unsigned SCALER_STAGES = lm_mmu_pkg::SCALER_STAGES;
  localparam int unsigned DOT_BITS = lightmamba_pkg::DOT_BITS;
  localparam int unsigned MULTIPLIER_BITS = lightmamba_pkg::MULTIPLIER_BITS;
  localparam int unsigned SCALE_BITS = lightmamba_pkg::SCALE_BITS;
  localparam int unsigned ACCUMULATOR_BITS = lightmamba_pkg::ACCUMULATOR_BITS;

  // Tiles for more than the cycles from a tile's first beat to its sums at the output.
  localparam int unsigned DEPTH = SLOTS == 1 || BEATS <= 2 ? 32 : BEATS == 4 ? 16 : 8;
  localparam int unsigned DSP_SLOTS = USE_DSP != 0 ? SLOTS - LUT_SLOTS : 0;
  localparam int unsigned LUT_LATENCY =
      lm_mmu_pkg::lut_dot_latency(COLUMNS, lightmamba_pkg::GROUP);
  localparam int unsigned DOT_LATENCY = DSP_SLOTS == 0 ? LUT_LATENCY :
      DSP_SLOTS == 1 ? lm_mmu_pkg::dsp_dot_latency(COLUMNS) :
      lm_mmu_pkg::quad_dot_latency(COLUMNS);

  // Slots, and within a slot rows, take turns at a scaler while the next group's beats come. Scaler
  // i * SLOT_SCALERS + j has in turn t row i * ROW_TURNS + t % ROW_TURNS of
  // slot t / ROW_TURNS * SLOT_SCALERS + j.
  localparam int unsigned SLOT_TURNS = SLOTS < BEATS ? SLOTS : BEATS;
  localparam int unsigned SLOT_SCALERS = SLOTS / SLOT_TURNS;
  localparam int unsigned MAX_ROW_TURNS = BEATS / SLOT_TURNS;
  localparam int unsigned ROW_SCALERS = (ROWS + MAX_ROW_TURNS - 1) / MAX_ROW_TURNS;
  localparam int unsigned ROW_TURNS = (ROWS + ROW_SCALERS - 1) / ROW_SCALERS;
  localparam int unsigned TURNS = SLOT_TURNS * ROW_TURNS;
  localparam int unsigned SCALED_ROWS = ROW_SCALERS * ROW_TURNS;  // some may not be there
  localparam int unsigned SCALERS = ROW_SCALERS * SLOT_SCALERS;
  localparam int unsigned TURN_BITS = TURNS > 1 ? $clog2(TURNS) : 1;
  localparam int unsigned ROW_TURN_BITS = ROW_TURNS > 1 ? $clog2(ROW_TURNS) : 1;
  localparam int unsigned SLOT_TURN_BITS = SLOT_TURNS > 1 ? $clog2(SLOT_TURNS) : 1;
  localparam int unsigned INDEX_BITS = SLOT_SCALERS > 1 ? $clog2(SLOT_SCALERS) : 1;

  typedef struct packed {
    logic first_beat;  // of a group
    logic last_beat;
    logic first_group;
    logic last_group;
    logic last_tile;
    logic [SLOTS_BITS-1:0] slots;
  } place_t;

  // Beats, with the words of activations that they need.
  logic bank, beat_valid, beat_valid_q, beat_valid_q2, reads, advances;
  logic [WORD_BITS-1:0] word;
  logic [GROUP_BITS-1:0] group;
  place_t place, place_q, place_q2;
  logic [4*COLUMNS*SLOTS-1:0] x;
  logic [MULTIPLIER_BITS*SLOTS-1:0] multipliers;

  assign advances = !beat_valid_q2 || (w_valid_i && w_ready_o);
  assign reads    = !beat_valid_q || advances;

  lm_mmu_sequencer #(
      .BEATS     (BEATS),
      .GROUP_BITS(GROUP_BITS),
      .WORD_BITS (WORD_BITS),
      .TILE_BITS (TILE_BITS),
      .SLOTS_BITS(SLOTS_BITS)
  ) u_sequencer (
      .clk_i,
      .rst_ni,
      .start_valid_i,
      .start_ready_o,
      .bank_i       (start_bank_i),
      .groups_i,
      .tiles_i,
      .slots_i,
      .bank_busy_o,
      .beat_valid_o (beat_valid),
      .beat_ready_i (reads),
      .bank_o       (bank),
      .word_o       (word),
      .group_o      (group),
      .first_beat_o (place.first_beat),
      .last_beat_o  (place.last_beat),
      .first_group_o(place.first_group),
      .last_group_o (place.last_group),
      .last_tile_o  (place.last_tile),
      .slots_o      (place.slots)
  );

  for (genvar t = 0; t < SLOTS; t++) begin : gen_vectors
    logic writes;
    assign writes = SLOTS == 1 || vector_slot_i == SLOT_BITS'(t);

    lm_mmu_vectors #(
        .COLUMNS   (COLUMNS),
        .MAX_GROUPS(MAX_GROUPS)
    ) u_vectors (
        .clk_i,
        .write_bank_i   (vector_bank_i),
        .code_we_i      (code_we_i && writes),
        .code_address_i,
        .codes_i,
        .multiplier_we_i(multiplier_we_i && writes),
        .multiplier_group_i,
        .multiplier_i,
        .bank_i         (bank),
        .address_i      (word),
        .group_i        (group),
        .read_i         (reads),
        .advance_i      (advances),
        .codes_o        (x[4*COLUMNS*t+:4*COLUMNS]),
        .multiplier_o   (multipliers[MULTIPLIER_BITS*t+:MULTIPLIER_BITS])
    );
  end

  always_ff @(posedge clk_i) begin
    if (reads) place_q <= place;
    if (advances) place_q2 <= place_q;
    if (!rst_ni) begin
      beat_valid_q  <= 1'b0;
      beat_valid_q2 <= 1'b0;
    end else begin
      if (reads) beat_valid_q <= beat_valid;
      if (advances) beat_valid_q2 <= beat_valid_q;
    end
  end

  // A tile begins if there will be room for its sums.
  localparam int unsigned ROOM_BITS = $clog2(DEPTH + 1);
  logic [ROOM_BITS-1:0] room_q;
  logic tile_first, beat_fire, group_fire, tile_leaves, sums_tile_last;

  assign tile_first = place_q2.first_beat && place_q2.first_group;
  assign w_ready_o  = beat_valid_q2 && (!tile_first || room_q != '0);
  assign beat_fire  = w_valid_i && w_ready_o;
  assign group_fire = beat_fire && place_q2.last_beat;
  assign tile_leaves = sums_valid_o && sums_ready_i && sums_tile_last;

  always_ff @(posedge clk_i) begin
    if (!rst_ni) begin
      room_q <= ROOM_BITS'(DEPTH);
    end else begin
      case ({beat_fire && tile_first, tile_leaves})
        2'b10: room_q <= room_q - 1'b1;
        2'b01: room_q <= room_q + 1'b1;
        default: ;
      endcase
    end
  end

  logic [SLOTS*ROWS*DOT_BITS-1:0] dots;  // of a slot's row: slot * ROWS + row

  // Those in DSPs come first.
  if (DSP_SLOTS == 1) begin : gen_dsp
    lm_mmu_dots_dsp #(
        .ROWS   (ROWS),
        .COLUMNS(COLUMNS)
    ) u_dot_products (
        .clk_i,
        .valid_i  (beat_fire),
        .first_i  (place_q2.first_beat),
        .weights_i(w_codes_i),
        .x_i      (x[4*COLUMNS-1:0]),
        .dots_o   (dots[ROWS*DOT_BITS-1:0])
    );
  end else if (DSP_SLOTS != 0 && ROWS <= DSP_SLOTS) begin : gen_quad
    lm_mmu_dots_quad #(
        .WIDE   (ROWS),
        .NARROW (DSP_SLOTS),
        .COLUMNS(COLUMNS)
    ) u_dot_products (
        .clk_i,
        .valid_i (beat_fire),
        .first_i (place_q2.first_beat),
        .wide_i  (w_codes_i),
        .narrow_i(x[4*COLUMNS*DSP_SLOTS-1:0]),
        .dots_o  (dots[ROWS*DOT_BITS*DSP_SLOTS-1:0])
    );
  end else if (DSP_SLOTS != 0) begin : gen_quad_wide_x
    logic [DSP_SLOTS*ROWS*DOT_BITS-1:0] row_dots;  // row * DSP_SLOTS + slot

    lm_mmu_dots_quad #(
        .WIDE   (DSP_SLOTS),
        .NARROW (ROWS),
        .COLUMNS(COLUMNS)
    ) u_dot_products (
        .clk_i,
        .valid_i (beat_fire),
        .first_i (place_q2.first_beat),
        .wide_i  (x[4*COLUMNS*DSP_SLOTS-1:0]),
        .narrow_i(w_codes_i),
        .dots_o  (row_dots)
    );

    for (genvar t = 0; t < DSP_SLOTS; t++) begin : gen_slot
      for (genvar r = 0; r < ROWS; r++) begin : gen_row
        assign dots[(t*ROWS+r)*DOT_BITS+:DOT_BITS] =
            row_dots[(r*DSP_SLOTS+t)*DOT_BITS+:DOT_BITS];
      end
    end
  end

  for (genvar t = DSP_SLOTS; t < SLOTS; t++) begin : gen_lut_slot
    logic [ROWS*DOT_BITS-1:0] slot_dots;

    lm_mmu_dots_lut #(
        .ROWS   (ROWS),
        .COLUMNS(COLUMNS)
    ) u_dot_products (
        .clk_i,
        .valid_i  (beat_fire),
        .first_i  (place_q2.first_beat),
        .weights_i(w_codes_i),
        .x_i      (x[4*COLUMNS*t+:4*COLUMNS]),
        .dots_o   (slot_dots)
    );

    lm_shift_register #(
        .BITS  (ROWS * DOT_BITS),
        .CYCLES(DOT_LATENCY - LUT_LATENCY)
    ) u_dot_line (
        .clk_i,
        .advance_i(1'b1),
        .x_i      (slot_dots),
        .y_o      (dots[ROWS*DOT_BITS*t+:ROWS*DOT_BITS])
    );
  end

  // The turns of a group's dot products, the first one cycle after the last beat, and what goes with
  // each: scales of rows, multipliers of slots.
  logic turn_valid_q, row_turn_last, slot_turn_last;
  logic [ROW_TURN_BITS-1:0] row_turn_q;
  logic [SLOT_TURN_BITS-1:0] slot_turn_q;
  place_t group_q;
  logic [SCALED_ROWS*SCALE_BITS-1:0] scales_q;
  logic [SLOTS*MULTIPLIER_BITS-1:0] multipliers_q;
  logic [ROW_SCALERS*SCALE_BITS-1:0] turn_scales, scales;
  logic [SLOT_SCALERS*MULTIPLIER_BITS-1:0] turn_multipliers, slot_multipliers;

  assign row_turn_last  = row_turn_q == ROW_TURN_BITS'(ROW_TURNS - 1);
  assign slot_turn_last = slot_turn_q == SLOT_TURN_BITS'(SLOT_TURNS - 1);

  always_ff @(posedge clk_i) begin
    if (group_fire) begin
      group_q       <= place_q2;
      scales_q      <= (SCALED_ROWS * SCALE_BITS)'(w_scales_i);
      multipliers_q <= multipliers;
    end else if (SLOT_TURNS == 1) begin
      scales_q <= scales_q >> SCALE_BITS;
    end
    if (group_fire || row_turn_last) row_turn_q <= '0;
    else row_turn_q <= row_turn_q + ROW_TURN_BITS'(1);
    if (group_fire) slot_turn_q <= '0;
    else if (row_turn_last) begin
      slot_turn_q <= slot_turn_last ? '0 : slot_turn_q + SLOT_TURN_BITS'(1);
    end
    if (!rst_ni) turn_valid_q <= 1'b0;
    else turn_valid_q <= group_fire || (turn_valid_q && !(row_turn_last && slot_turn_last));
  end

  // Rows that have their turn once move up; those of several slots stay.
  for (genvar i = 0; i < ROW_SCALERS; i++) begin : gen_turn_scale
    localparam int unsigned FIRST = i * ROW_TURNS * SCALE_BITS;
    if (SLOT_TURNS == 1) begin : gen_first
      assign turn_scales[i*SCALE_BITS+:SCALE_BITS] = scales_q[FIRST+:SCALE_BITS];
    end else begin : gen_select
      lm_select #(
          .BITS (SCALE_BITS),
          .COUNT(ROW_TURNS)
      ) u_select (
          .words_i(scales_q[FIRST+:ROW_TURNS*SCALE_BITS]),
          .index_i(row_turn_q),
          .word_o (turn_scales[i*SCALE_BITS+:SCALE_BITS])
      );
    end
  end

  lm_select #(
      .BITS (SLOT_SCALERS * MULTIPLIER_BITS),
      .COUNT(SLOT_TURNS)
  ) u_select_multipliers (
      .words_i(multipliers_q),
      .index_i(slot_turn_q),
      .word_o (turn_multipliers)
  );

  lm_shift_register #(
      .BITS  (SLOT_SCALERS * MULTIPLIER_BITS),
      .CYCLES(DOT_LATENCY - 1)
  ) u_multiplier_line (
      .clk_i,
      .advance_i(1'b1),
      .x_i      (turn_multipliers),
      .y_o      (slot_multipliers)
  );

  lm_shift_register #(
      .BITS  (ROW_SCALERS * SCALE_BITS),
      .CYCLES(DOT_LATENCY - 1 + SCALE_STAGES)
  ) u_scale_line (
      .clk_i,
      .advance_i(1'b1),
      .x_i      (turn_scales),
      .y_o      (scales)
  );

  // Which of a turn's slots are in use, if any.
  logic turn_used, turn_slots_last;
  logic [INDEX_BITS-1:0] turn_last_slot;

  if (SLOTS == 1) begin : gen_slot_used
    assign turn_used       = 1'b1;
    assign turn_slots_last = 1'b1;
    assign turn_last_slot  = '0;
  end else begin : gen_slots_used
    logic [SLOTS_BITS-1:0] left;  // slots of this turn and those after it
    assign left            = group_q.slots - SLOTS_BITS'(32'(slot_turn_q) * SLOT_SCALERS);
    assign turn_used       = SLOTS_BITS'(32'(slot_turn_q) * SLOT_SCALERS) < group_q.slots;
    assign turn_slots_last = left <= SLOTS_BITS'(SLOT_SCALERS);
    assign turn_last_slot  = INDEX_BITS'((turn_slots_last ? left : SLOTS_BITS'(SLOT_SCALERS)) -
                                         SLOTS_BITS'(1));
  end

  // At the accumulators.
  localparam int unsigned SUM_CYCLES = DOT_LATENCY - 1 + SCALER_STAGES;
  logic [SUM_CYCLES-1:0] adds_q;
  logic adds, first_group, pushes, push_q;
  logic slots_last, slots_last_q, last_tile, last_q;
  logic [INDEX_BITS-1:0] last_slot, last_slot_q;

  lm_shift_register #(
      .BITS  (4 + INDEX_BITS),
      .CYCLES(SUM_CYCLES)
  ) u_place_line (
      .clk_i,
      .advance_i(1'b1),
      .x_i      ({group_q.first_group, group_q.last_group && row_turn_last && turn_used,
                  turn_slots_last, group_q.last_tile, turn_last_slot}),
      .y_o      ({first_group, pushes, slots_last, last_tile, last_slot})
  );

  assign adds = adds_q[SUM_CYCLES-1];

  always_ff @(posedge clk_i) begin
    slots_last_q <= slots_last;
    last_q       <= last_tile && slots_last;
    last_slot_q  <= last_slot;
    if (!rst_ni) begin
      adds_q <= '0;
      push_q <= 1'b0;
    end else begin
      adds_q <= {adds_q[SUM_CYCLES-2:0], turn_valid_q};
      push_q <= adds && pushes;
    end
  end

  // Dot products in turn: the first at once, the others from registers.
  logic loads;
  logic [TURN_BITS-1:0] dot_turn_q;
  logic [SCALERS*ROW_TURNS*ACCUMULATOR_BITS-1:0] scaler_sums;
  logic [SLOT_SCALERS*ROWS*ACCUMULATOR_BITS-1:0] sums;

  lm_shift_register #(
      .BITS  (1),
      .CYCLES(DOT_LATENCY)
  ) u_load_line (
      .clk_i,
      .advance_i(1'b1),
      .x_i      (group_fire),
      .y_o      (loads)
  );

  always_ff @(posedge clk_i) begin
    if (!rst_ni || dot_turn_q == TURN_BITS'(TURNS - 1)) dot_turn_q <= '0;
    else dot_turn_q <= dot_turn_q + TURN_BITS'(loads || dot_turn_q != '0);
  end

  for (genvar i = 0; i < ROW_SCALERS; i++) begin : gen_row_scaler
    for (genvar j = 0; j < SLOT_SCALERS; j++) begin : gen_slot_scaler
      localparam int unsigned SCALER = i * SLOT_SCALERS + j;
      logic [TURNS*DOT_BITS-1:0] turn_dots, turn_dots_q;
      logic [DOT_BITS-1:0] dot;

      for (genvar t = 0; t < TURNS; t++) begin : gen_turn
        localparam int unsigned ROW = i * ROW_TURNS + t % ROW_TURNS;
        localparam int unsigned SLOT = t / ROW_TURNS * SLOT_SCALERS + j;
        if (ROW < ROWS) begin : gen_row
          assign turn_dots[t*DOT_BITS+:DOT_BITS] = dots[(SLOT*ROWS+ROW)*DOT_BITS+:DOT_BITS];
        end else begin : gen_no_row
          assign turn_dots[t*DOT_BITS+:DOT_BITS] = '0;
        end
      end

      always_ff @(posedge clk_i) if (loads) turn_dots_q <= turn_dots;

      lm_select #(
          .BITS (DOT_BITS),
          .COUNT(TURNS)
      ) u_select_dot (
          .words_i((TURNS * DOT_BITS)'({turn_dots_q >> DOT_BITS, turn_dots[DOT_BITS-1:0]})),
          .index_i(dot_turn_q),
          .word_o (dot)
      );

      lm_mmu_scaler #(
          .TURNS(TURNS),
          .KEPT (ROW_TURNS)
      ) u_scaler (
          .clk_i,
          .dot_i       (dot),
          .multiplier_i(slot_multipliers[j*MULTIPLIER_BITS+:MULTIPLIER_BITS]),
          .scale_i     (scales[i*SCALE_BITS+:SCALE_BITS]),
          .valid_i     (adds),
          .first_i     (first_group),
          .sums_o      (scaler_sums[SCALER*ROW_TURNS*ACCUMULATOR_BITS+:ROW_TURNS*ACCUMULATOR_BITS])
      );

      for (genvar r = 0; r < ROW_TURNS; r++) begin : gen_sum
        localparam int unsigned ROW = i * ROW_TURNS + r;
        if (ROW < ROWS) begin : gen_row
          assign sums[(j*ROWS+ROW)*ACCUMULATOR_BITS+:ACCUMULATOR_BITS] =
              scaler_sums[(SCALER*ROW_TURNS+r)*ACCUMULATOR_BITS+:ACCUMULATOR_BITS];
        end
      end
    end
  end

  // The turns of rows that are not there, and what only some sizes need.
  logic unused;
  assign unused = &{1'b0, vector_slot_i, loads, scaler_sums, group_q.first_beat, group_q.last_beat,
                    group_q.slots};

  lm_mmu_output #(
      .ROWS        (ROWS),
      .SLOTS       (SLOTS),
      .SLOT_SCALERS(SLOT_SCALERS),
      .DEPTH       (DEPTH * SLOT_TURNS)
  ) u_output (
      .clk_i,
      .rst_ni,
      .push_i     (push_q),
      .sums_i     (sums),
      .last_slot_i(last_slot_q),
      .tile_last_i(slots_last_q),
      .last_i     (last_q),
      .valid_o    (sums_valid_o),
      .ready_i    (sums_ready_i),
      .sums_o,
      .tile_last_o(sums_tile_last),
      .last_o
  );

  `LM_ASSERT(credit_is_not_negative, room_q <= ROOM_BITS'(DEPTH))
  `LM_ASSERT_STREAM(sums_hold, sums_valid_o, sums_ready_i, {last_o, sums_o})
  `LM_ASSERT_START(slots_are_there, start_valid_i,
                   SLOTS == 1 || (slots_i != '0 && slots_i <= SLOTS_BITS'(SLOTS)))
endmodule

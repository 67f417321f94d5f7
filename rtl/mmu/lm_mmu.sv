// Matrix unit: products of a matrix of 4-bit weights with a vector of 4-bit activations, ROWS rows
// by COLUMNS columns each cycle. Each sum is multiply_row() of
// src/accel/numerics/mmu.h for one row.
//
// A vector is written first: codes and each group's multiplier, into one of two banks, of which
// bank_busy_o says whether a product still needs them. The codes of columns that the last group
// lacks have to be 0. Then a product is started and its weights follow: for each tile of ROWS rows
// the groups in order, each GROUP / COLUMNS beats; the scales of its rows come with the last.
// A sum of each row leaves after each tile.
//
// Throughput: a beat of weights in each cycle, across groups, tiles and products (a product that is
// started before the one before it has ended). Weights stall only while DEPTH tiles are on their
// way or wait at the output. Latency from a tile's last beat to its sums with ROWS = 2, COLUMNS =
// 32: 29 cycles with DSPs, 16 without.
`include "lm_assert.svh"

module lm_mmu #(
    parameter int unsigned ROWS = 2,      // even
    parameter int unsigned COLUMNS = 32,  // a power of two, at most GROUP
    parameter int unsigned MAX_GROUPS = 127,
    parameter int unsigned TILE_BITS = 16,
    parameter int unsigned USE_DSP = 1,
    localparam int unsigned BEATS = lightmamba_pkg::GROUP / COLUMNS,  // of a group
    localparam int unsigned GROUP_BITS = $clog2(MAX_GROUPS),
    localparam int unsigned WORD_BITS = $clog2(MAX_GROUPS * BEATS)
) (
    input  logic clk_i,
    input  logic rst_ni,

    // A vector. Word group * BEATS + part has columns part * COLUMNS ... of its group.
    input  logic                  vector_bank_i,
    input  logic                  code_we_i,
    input  logic [WORD_BITS-1:0]  code_address_i,
    input  logic [4*COLUMNS-1:0]  codes_i,
    input  logic                  multiplier_we_i,
    input  logic [GROUP_BITS-1:0] multiplier_group_i,
    input  logic [lightmamba_pkg::MULTIPLIER_BITS-1:0] multiplier_i,
    output logic [1:0]            bank_busy_o,

    // A product, of as many groups and tiles.
    input  logic                 start_valid_i,
    output logic                 start_ready_o,
    input  logic                 start_bank_i,
    input  logic [GROUP_BITS:0]  groups_i,
    input  logic [TILE_BITS-1:0] tiles_i,

    // Weights: row r, column c at 4 * (r * COLUMNS + c).
    input  logic                      w_valid_i,
    output logic                      w_ready_o,
    input  logic [4*ROWS*COLUMNS-1:0] w_codes_i,
    input  logic [lightmamba_pkg::SCALE_BITS*ROWS-1:0] w_scales_i,  // with a group's last beat

    // Sums.
    output logic sums_valid_o,
    input  logic sums_ready_i,
    output logic [lightmamba_pkg::ACCUMULATOR_BITS*ROWS-1:0] sums_o,
    output logic last_o  // of the product's tiles
);
  localparam int unsigned SCALE_STAGES = lm_mmu_pkg::SCALE_STAGES;
  localparam int unsigned SCALER_STAGES = lm_mmu_pkg::SCALER_STAGES;
  localparam int unsigned DOT_BITS = lightmamba_pkg::DOT_BITS;
  localparam int unsigned MULTIPLIER_BITS = lightmamba_pkg::MULTIPLIER_BITS;
  localparam int unsigned SCALE_BITS = lightmamba_pkg::SCALE_BITS;
  localparam int unsigned ACCUMULATOR_BITS = lightmamba_pkg::ACCUMULATOR_BITS;

  // More than the cycles from a tile's first beat to its sums at the output, if it is one beat.
  localparam int unsigned DEPTH = 32;
  localparam int unsigned DOT_LATENCY =
      USE_DSP != 0 ? lm_mmu_pkg::dsp_dot_latency(COLUMNS)
                   : lm_mmu_pkg::lut_dot_latency(COLUMNS, lightmamba_pkg::GROUP);
  // Rows take turns at a scaler while the next group's beats come.
  localparam int unsigned SCALERS = (ROWS + BEATS - 1) / BEATS;
  localparam int unsigned SHARE = (ROWS + SCALERS - 1) / SCALERS;
  localparam int unsigned SLOTS = SCALERS * SHARE;

  typedef struct packed {
    logic first_beat;  // of a group
    logic last_beat;
    logic first_group;
    logic last_group;
    logic last_tile;
  } place_t;

  // Beats, with the words of activations that they need.
  logic bank, beat_valid, beat_valid_q, beat_valid_q2, reads, advances;
  logic [WORD_BITS-1:0] word;
  logic [GROUP_BITS-1:0] group;
  place_t place, place_q, place_q2;
  logic [4*COLUMNS-1:0] x;
  logic [MULTIPLIER_BITS-1:0] multiplier;

  assign advances = !beat_valid_q2 || (w_valid_i && w_ready_o);
  assign reads    = !beat_valid_q || advances;

  lm_mmu_sequencer #(
      .BEATS     (BEATS),
      .GROUP_BITS(GROUP_BITS),
      .WORD_BITS (WORD_BITS),
      .TILE_BITS (TILE_BITS)
  ) u_sequencer (
      .clk_i,
      .rst_ni,
      .start_valid_i,
      .start_ready_o,
      .bank_i       (start_bank_i),
      .groups_i,
      .tiles_i,
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
      .last_tile_o  (place.last_tile)
  );

  lm_mmu_vectors #(
      .COLUMNS   (COLUMNS),
      .MAX_GROUPS(MAX_GROUPS)
  ) u_vectors (
      .clk_i,
      .write_bank_i(vector_bank_i),
      .code_we_i,
      .code_address_i,
      .codes_i,
      .multiplier_we_i,
      .multiplier_group_i,
      .multiplier_i,
      .bank_i      (bank),
      .address_i   (word),
      .group_i     (group),
      .read_i      (reads),
      .advance_i   (advances),
      .codes_o     (x),
      .multiplier_o(multiplier)
  );

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
  logic tile_first, beat_fire, group_fire;

  assign tile_first = place_q2.first_beat && place_q2.first_group;
  assign w_ready_o  = beat_valid_q2 && (!tile_first || room_q != '0);
  assign beat_fire  = w_valid_i && w_ready_o;
  assign group_fire = beat_fire && place_q2.last_beat;

  always_ff @(posedge clk_i) begin
    if (!rst_ni) begin
      room_q <= ROOM_BITS'(DEPTH);
    end else begin
      case ({beat_fire && tile_first, sums_valid_o && sums_ready_i})
        2'b10: room_q <= room_q - 1'b1;
        2'b01: room_q <= room_q + 1'b1;
        default: ;
      endcase
    end
  end

  logic [ROWS*DOT_BITS-1:0] dots;

  if (USE_DSP != 0) begin : gen_dsp
    lm_mmu_dots_dsp #(
        .ROWS   (ROWS),
        .COLUMNS(COLUMNS)
    ) u_dot_products (
        .clk_i,
        .valid_i  (beat_fire),
        .first_i  (place_q2.first_beat),
        .weights_i(w_codes_i),
        .x_i      (x),
        .dots_o   (dots)
    );
  end else begin : gen_lut
    lm_mmu_dots_lut #(
        .ROWS   (ROWS),
        .COLUMNS(COLUMNS)
    ) u_dot_products (
        .clk_i,
        .valid_i  (beat_fire),
        .first_i  (place_q2.first_beat),
        .weights_i(w_codes_i),
        .x_i      (x),
        .dots_o   (dots)
    );
  end

  // What goes with a group's dot products: a slot for each row that shares a scaler, the first one
  // cycle after the last beat.
  logic [SHARE-1:0] slots_q;  // that are left
  logic [SLOTS*SCALE_BITS-1:0] scales_q;
  logic [SCALERS*SCALE_BITS-1:0] slot_scales, scales;
  logic [MULTIPLIER_BITS-1:0] multiplier_q, slot_multiplier;
  logic first_group_q, last_group_q, last_tile_q;

  always_ff @(posedge clk_i) begin
    if (group_fire) begin
      multiplier_q  <= multiplier;
      first_group_q <= place_q2.first_group;
      last_group_q  <= place_q2.last_group;
      last_tile_q   <= place_q2.last_tile;
      scales_q      <= (SLOTS * SCALE_BITS)'(w_scales_i);
    end else begin
      scales_q <= scales_q >> SCALE_BITS;
    end
    if (!rst_ni) slots_q <= '0;
    else if (group_fire) slots_q <= '1;
    else slots_q <= slots_q >> 1;
  end

  for (genvar i = 0; i < SCALERS; i++) begin : gen_slot_scale
    assign slot_scales[i*SCALE_BITS+:SCALE_BITS] = scales_q[i*SHARE*SCALE_BITS+:SCALE_BITS];
  end

  lm_shift_register #(
      .BITS  (MULTIPLIER_BITS),
      .CYCLES(DOT_LATENCY - 1)
  ) u_multiplier_line (
      .clk_i,
      .advance_i(1'b1),
      .x_i      (multiplier_q),
      .y_o      (slot_multiplier)
  );

  lm_shift_register #(
      .BITS  (SCALERS * SCALE_BITS),
      .CYCLES(DOT_LATENCY - 1 + SCALE_STAGES)
  ) u_scale_line (
      .clk_i,
      .advance_i(1'b1),
      .x_i      (slot_scales),
      .y_o      (scales)
  );

  // At the accumulators.
  localparam int unsigned SUM_CYCLES = DOT_LATENCY - 1 + SCALER_STAGES;
  logic [SUM_CYCLES-1:0] adds_q;
  logic adds, first_group, tile_last, last_tile, push_q, last_q;

  lm_shift_register #(
      .BITS  (3),
      .CYCLES(SUM_CYCLES)
  ) u_place_line (
      .clk_i,
      .advance_i(1'b1),
      .x_i      ({first_group_q, last_group_q && slots_q == SHARE'(1), last_tile_q}),
      .y_o      ({first_group, tile_last, last_tile})
  );

  assign adds = adds_q[SUM_CYCLES-1];

  always_ff @(posedge clk_i) begin
    last_q <= last_tile;
    if (!rst_ni) begin
      adds_q <= '0;
      push_q <= 1'b0;
    end else begin
      adds_q <= {adds_q[SUM_CYCLES-2:0], slots_q[0]};
      push_q <= adds && tile_last;
    end
  end

  // Dot products in turn: the first at once, the others from registers.
  logic [SLOTS*DOT_BITS-1:0] slot_dots;
  logic [SLOTS*ACCUMULATOR_BITS-1:0] sums;
  logic loads;

  assign slot_dots = (SLOTS * DOT_BITS)'(dots);

  lm_shift_register #(
      .BITS  (1),
      .CYCLES(DOT_LATENCY)
  ) u_load_line (
      .clk_i,
      .advance_i(1'b1),
      .x_i      (group_fire),
      .y_o      (loads)
  );

  for (genvar i = 0; i < SCALERS; i++) begin : gen_scaler
    logic [DOT_BITS-1:0] dot;

    if (SHARE == 1) begin : gen_one
      assign dot = slot_dots[i*DOT_BITS+:DOT_BITS];
    end else begin : gen_turns
      localparam int unsigned KEPT_BITS = (SHARE - 1) * DOT_BITS;
      logic [KEPT_BITS-1:0] dots_q;
      assign dot = loads ? slot_dots[i*SHARE*DOT_BITS+:DOT_BITS] : dots_q[DOT_BITS-1:0];
      always_ff @(posedge clk_i) begin
        dots_q <= loads ? slot_dots[(i*SHARE+1)*DOT_BITS+:KEPT_BITS] : dots_q >> DOT_BITS;
      end
    end

    lm_mmu_scaler #(
        .SHARE(SHARE)
    ) u_scaler (
        .clk_i,
        .dot_i       (dot),
        .multiplier_i(slot_multiplier),
        .scale_i     (scales[i*SCALE_BITS+:SCALE_BITS]),
        .valid_i     (adds),
        .first_i     (first_group),
        .sums_o      (sums[i*SHARE*ACCUMULATOR_BITS+:SHARE*ACCUMULATOR_BITS])
    );
  end

  if (SHARE == 1 || SLOTS != ROWS) begin : gen_unused
    // No turns, or more of them than rows.
    logic unused;
    assign unused = loads ^ (^sums);
  end

  lm_mmu_output_fifo #(
      .BITS (1 + ACCUMULATOR_BITS * ROWS),
      .DEPTH(DEPTH)
  ) u_output_fifo (
      .clk_i,
      .rst_ni,
      .push_i (push_q),
      .data_i ({last_q, sums[ROWS*ACCUMULATOR_BITS-1:0]}),
      .valid_o(sums_valid_o),
      .ready_i(sums_ready_i),
      .data_o ({last_o, sums_o})
  );

  `LM_ASSERT(credit_is_not_negative, room_q <= ROOM_BITS'(DEPTH))
  `LM_ASSERT_STREAM(sums_hold, sums_valid_o, sums_ready_i, {last_o, sums_o})
endmodule

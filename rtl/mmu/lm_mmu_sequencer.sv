// The beats of products, one each cycle: for each tile the groups in order, BEATS beats each. One
// product can wait while another runs, so that they follow each other without a gap.
module lm_mmu_sequencer #(
    parameter int unsigned BEATS = 4,
    parameter int unsigned GROUP_BITS = 7,
    parameter int unsigned WORD_BITS = 9,
    parameter int unsigned TILE_BITS = 16,
    parameter int unsigned SLOTS_BITS = 1
) (
    input  logic clk_i,
    input  logic rst_ni,

    input  logic                 start_valid_i,
    output logic                 start_ready_o,
    input  logic                 bank_i,
    input  logic [GROUP_BITS:0]  groups_i,  // neither is ever 0
    input  logic [TILE_BITS-1:0] tiles_i,
    input  logic [SLOTS_BITS-1:0] slots_i,
    output logic [1:0]           bank_busy_o,

    output logic                  beat_valid_o,
    input  logic                  beat_ready_i,
    output logic                  bank_o,
    output logic [WORD_BITS-1:0]  word_o,        // of the vector
    output logic [GROUP_BITS-1:0] group_o,
    output logic                  first_beat_o,  // of a group
    output logic                  last_beat_o,
    output logic                  first_group_o,
    output logic                  last_group_o,
    output logic                  last_tile_o,
    output logic [SLOTS_BITS-1:0] slots_o        // of the product
);
  typedef struct packed {
    logic                  bank;
    logic [GROUP_BITS:0]   groups;
    logic [TILE_BITS-1:0]  tiles;  // that are left
    logic [SLOTS_BITS-1:0] slots;
  } product_t;

  product_t start, waiting_q, product_d, product_q;
  logic waiting_valid_d, waiting_valid_q, product_valid_d, product_valid_q;
  logic [GROUP_BITS-1:0] group_d, group_q;
  logic [WORD_BITS-1:0] word_d, word_q;
  logic last_beat, last_group, last_tile, start_fire, is_free;

  assign start = {bank_i, groups_i, tiles_i, slots_i};
  assign start_fire = start_valid_i && start_ready_o;

  if (BEATS == 1) begin : gen_one_beat
    assign first_beat_o = 1'b1;
    assign last_beat = 1'b1;
  end else begin : gen_beats
    assign first_beat_o = word_q[$clog2(BEATS)-1:0] == '0;
    assign last_beat = &word_q[$clog2(BEATS)-1:0];
  end
  assign last_group = (GROUP_BITS + 1)'(group_q) + 1'b1 == product_q.groups;
  assign last_tile  = product_q.tiles == TILE_BITS'(1);

  // The product that runs has ended, or none runs.
  assign is_free = !product_valid_q || (beat_ready_i && last_beat && last_group && last_tile);

  always_comb begin
    product_d = product_q;
    word_d    = word_q;
    group_d   = group_q;
    if (product_valid_q && beat_ready_i) begin
      word_d = word_q + 1'b1;
      if (last_beat) begin
        group_d = group_q + 1'b1;
        if (last_group) begin
          word_d          = '0;
          group_d         = '0;
          product_d.tiles = product_q.tiles - 1'b1;
        end
      end
    end

    product_valid_d = product_valid_q;
    waiting_valid_d = waiting_valid_q || start_fire;
    if (is_free) begin
      product_d       = waiting_valid_q ? waiting_q : start;
      product_valid_d = waiting_valid_q || start_fire;
      waiting_valid_d = 1'b0;
    end
  end

  always_ff @(posedge clk_i) begin
    product_q <= product_d;
    if (start_ready_o) waiting_q <= start;
    if (!rst_ni) begin
      product_valid_q <= 1'b0;
      waiting_valid_q <= 1'b0;
      word_q          <= '0;
      group_q         <= '0;
    end else begin
      product_valid_q <= product_valid_d;
      waiting_valid_q <= waiting_valid_d;
      word_q          <= word_d;
      group_q         <= group_d;
    end
  end

  always_comb begin
    bank_busy_o = 2'b00;
    if (product_valid_q) bank_busy_o[product_q.bank] = 1'b1;
    if (waiting_valid_q) bank_busy_o[waiting_q.bank] = 1'b1;
  end

  assign start_ready_o = !waiting_valid_q;
  assign beat_valid_o  = product_valid_q;
  assign bank_o        = product_q.bank;
  assign word_o        = word_q;
  assign group_o       = group_q;
  assign last_beat_o   = last_beat;
  assign first_group_o = group_q == '0;
  assign last_group_o  = last_group;
  assign last_tile_o   = last_tile;
  assign slots_o       = product_q.slots;
endmodule

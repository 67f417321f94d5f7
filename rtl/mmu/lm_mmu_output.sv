// The sums of tiles wait here until they are taken, slot by slot. A word that is pushed has the sums
// of up to SLOT_SCALERS slots, and leaves as a beat for each of them. Whoever pushes must know that
// there is room: no more than DEPTH words may be on their way or here. 2 cycles from push to beat.
module lm_mmu_output #(
    parameter int unsigned ROWS = 2,
    parameter int unsigned SLOTS = 1,
    parameter int unsigned SLOT_SCALERS = 1,  // a power of two
    parameter int unsigned DEPTH = 32,        // a power of two
    localparam int unsigned BEAT_BITS = lightmamba_pkg::ACCUMULATOR_BITS * ROWS,
    localparam int unsigned INDEX_BITS = SLOT_SCALERS > 1 ? $clog2(SLOT_SCALERS) : 1
) (
    input  logic                              clk_i,
    input  logic                              rst_ni,
    input  logic                              push_i,
    input  logic [BEAT_BITS*SLOT_SCALERS-1:0] sums_i,
    input  logic [INDEX_BITS-1:0]             last_slot_i,  // in use, in the word
    input  logic                              tile_last_i,  // word of its tile
    input  logic                              last_i,       // word of the product
    output logic                              valid_o,
    input  logic                              ready_i,
    output logic [BEAT_BITS-1:0]              sums_o,
    output logic                              tile_last_o,
    output logic                              last_o
);
  if (SLOTS == 1) begin : gen_slot
    lm_mmu_output_fifo #(
        .BITS (1 + BEAT_BITS),
        .DEPTH(DEPTH)
    ) u_fifo (
        .clk_i,
        .rst_ni,
        .push_i (push_i),
        .data_i ({last_i, sums_i}),
        .valid_o,
        .ready_i,
        .data_o ({last_o, sums_o})
    );
    assign tile_last_o = 1'b1;
    logic unused;
    assign unused = &{1'b0, last_slot_i, tile_last_i};
  end else begin : gen_slots
    logic ready, tile_last, last, is_word_last;
    logic [INDEX_BITS-1:0] last_slot, index_q;
    logic [BEAT_BITS*SLOT_SCALERS-1:0] sums;

    lm_mmu_output_fifo #(
        .BITS (2 + INDEX_BITS + BEAT_BITS * SLOT_SCALERS),
        .DEPTH(DEPTH)
    ) u_fifo (
        .clk_i,
        .rst_ni,
        .push_i (push_i),
        .data_i ({tile_last_i, last_i, last_slot_i, sums_i}),
        .valid_o,
        .ready_i(ready),
        .data_o ({tile_last, last, last_slot, sums})
    );

    lm_select #(
        .BITS (BEAT_BITS),
        .COUNT(SLOT_SCALERS)
    ) u_select (
        .words_i(sums),
        .index_i(index_q),
        .word_o (sums_o)
    );

    assign is_word_last = index_q == last_slot;
    assign ready        = ready_i && is_word_last;
    assign tile_last_o  = tile_last && is_word_last;
    assign last_o       = last && is_word_last;

    always_ff @(posedge clk_i) begin
      if (!rst_ni) index_q <= '0;
      else if (valid_o && ready_i) index_q <= is_word_last ? '0 : index_q + INDEX_BITS'(1);
    end
  end
endmodule

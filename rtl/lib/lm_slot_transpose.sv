// Sums of several slots as the matrix unit gives them, to blocks of BLOCK rows of one slot. In: for
// each ROWS rows the slots in use, for each slot its rows. Out: BLOCK rows of slot 0, the same rows of
// slot 1, ... A value in each cycle without a gap, in and out: a block is written while the one before
// it is read. 3 cycles from the last value of the first block to its first value out.
`include "lm_assert.svh"

module lm_slot_transpose #(
    parameter int unsigned BITS = 48,
    parameter int unsigned SLOTS = 8,   // a power of two
    parameter int unsigned ROWS = 2,    // a power of two, less than BLOCK
    parameter int unsigned BLOCK = 64,  // a power of two
    localparam int unsigned SLOT_BITS = SLOTS > 1 ? $clog2(SLOTS) : 1,
    localparam int unsigned SLOTS_BITS = $clog2(SLOTS + 1)
) (
    input  logic                  clk_i,
    input  logic                  rst_ni,
    input  logic [SLOTS_BITS-1:0] slots_i,  // 1 ... SLOTS; stays while a block comes in
    input  logic                  in_valid_i,
    output logic                  in_ready_o,
    input  logic [BITS-1:0]       in_data_i,
    output logic                  out_valid_o,
    input  logic                  out_ready_i,
    output logic [BITS-1:0]       out_data_o,
    output logic [SLOT_BITS-1:0]  out_slot_o
);
  if (SLOTS == 1) begin : gen_wire
    logic unused;
    assign unused      = &{1'b0, clk_i, rst_ni, slots_i};
    assign in_ready_o  = out_ready_i;
    assign out_valid_o = in_valid_i;
    assign out_data_o  = in_data_i;
    assign out_slot_o  = '0;
  end else begin : gen_memory
    localparam int unsigned ROW_BITS = $clog2(BLOCK);
    localparam int unsigned LOW_BITS = $clog2(ROWS);
    localparam int unsigned HIGH_BITS = ROW_BITS - LOW_BITS;

    logic [BITS-1:0] memory_q[2*SLOTS*BLOCK];
    logic [1:0] is_full_q;
    logic [SLOT_BITS-1:0] last_slot_q[2];  // of a full bank
    logic write_bank_q, read_bank_q;

    // Write: counts of rows below and above the slot.
    logic [SLOT_BITS-1:0] last_slot, write_slot_q;
    logic [ROW_BITS-1:0] write_row;
    logic [HIGH_BITS-1:0] high_q;
    logic low_last, write_slot_last, in_fire, in_last;

    assign last_slot       = SLOT_BITS'(slots_i - SLOTS_BITS'(1));
    assign write_slot_last = write_slot_q == last_slot;
    assign in_ready_o      = !is_full_q[write_bank_q];
    assign in_fire         = in_valid_i && in_ready_o;
    assign in_last         = in_fire && low_last && write_slot_last && (&high_q);

    if (ROWS == 1) begin : gen_row
      assign low_last  = 1'b1;
      assign write_row = high_q;
    end else begin : gen_rows
      logic [LOW_BITS-1:0] low_q;
      assign low_last  = &low_q;
      assign write_row = {high_q, low_q};
      always_ff @(posedge clk_i) begin
        if (!rst_ni) low_q <= '0;
        else if (in_fire) low_q <= low_q + LOW_BITS'(1);
      end
    end

    always_ff @(posedge clk_i) begin
      if (in_fire) memory_q[{write_bank_q, write_slot_q, write_row}] <= in_data_i;
      if (in_last) last_slot_q[write_bank_q] <= last_slot;
    end

    // Read, through both registers of a block RAM.
    logic [SLOT_BITS-1:0] read_slot_q, word_slot_q;
    logic [ROW_BITS-1:0] read_row_q;
    logic [BITS-1:0] word_q;
    logic word_valid_q, word_advances, output_advances, read_fire, read_slot_last, read_last;

    assign output_advances = !out_valid_o || out_ready_i;
    assign word_advances   = !word_valid_q || output_advances;
    assign read_fire       = is_full_q[read_bank_q] && word_advances;
    assign read_slot_last  = &read_row_q;
    assign read_last       = read_fire && read_slot_last && read_slot_q == last_slot_q[read_bank_q];

    always_ff @(posedge clk_i) begin
      if (word_advances) begin
        word_q      <= memory_q[{read_bank_q, read_slot_q, read_row_q}];
        word_slot_q <= read_slot_q;
      end
      if (output_advances) begin
        out_data_o <= word_q;
        out_slot_o <= word_slot_q;
      end
    end

    always_ff @(posedge clk_i) begin
      if (!rst_ni) begin
        is_full_q    <= '0;
        write_bank_q <= 1'b0;
        write_slot_q <= '0;
        high_q       <= '0;
        read_bank_q  <= 1'b0;
        read_slot_q  <= '0;
        read_row_q   <= '0;
        word_valid_q <= 1'b0;
        out_valid_o  <= 1'b0;
      end else begin
        if (in_fire && low_last) begin
          write_slot_q <= write_slot_last ? '0 : write_slot_q + SLOT_BITS'(1);
          if (write_slot_last) high_q <= high_q + HIGH_BITS'(1);
        end
        if (read_fire) begin
          read_row_q <= read_row_q + ROW_BITS'(1);
          if (read_slot_last) read_slot_q <= read_last ? '0 : read_slot_q + SLOT_BITS'(1);
        end
        if (in_last) begin
          is_full_q[write_bank_q] <= 1'b1;
          write_bank_q            <= !write_bank_q;
        end
        if (read_last) begin
          is_full_q[read_bank_q] <= 1'b0;
          read_bank_q            <= !read_bank_q;
        end
        if (word_advances) word_valid_q <= read_fire;
        if (output_advances) out_valid_o <= word_valid_q;
      end
    end

    `LM_ASSERT_START(slots_are_there, in_valid_i, slots_i != '0 && slots_i <= SLOTS_BITS'(SLOTS))
  end

  `LM_ASSERT_STREAM(out_holds, out_valid_o, out_ready_i, {out_data_o, out_slot_o})
endmodule

// Cuts ranges of memory into AXI bursts of at most BURST words. Bursts end at multiples of BURST
// words, so that none crosses 4 KiB. A burst per cycle, ranges one after another without idle
// cycles.
`include "lm_assert.svh"

module lm_axi_bursts #(
    parameter int unsigned DATA_BITS = 64,  // a power of two
    parameter int unsigned BURST = 64       // words; a power of two, 2 to 256, 4096 bytes at most
) (
    input  logic        clk_i,
    input  logic        rst_ni,
    input  logic        start_valid_i,
    output logic        start_ready_o,
    input  logic [63:0] start_address_i,  // a multiple of the word
    input  logic [31:0] start_words_i,    // at least 1
    output logic        burst_valid_o,
    input  logic        burst_ready_i,
    output logic [63:0] burst_address_o,
    output logic [7:0]  burst_length_o,   // words - 1
    output logic        idle_o            // nothing is left here
);
  localparam int unsigned WORD_BITS = $clog2(DATA_BITS / 8);
  localparam int unsigned INDEX_BITS = $clog2(BURST);  // of a word in a block of BURST words
  localparam int unsigned BLOCK_BITS = 64 - INDEX_BITS - WORD_BITS;
  localparam int unsigned COUNT_BITS = 33 - INDEX_BITS;  // of the blocks after the first

  // Two ranges wait here, another in each of the steps behind.
  logic range_valid, range_ready;
  logic [63-WORD_BITS:0] range_word;
  logic [31:0] range_last;

  lm_credit_fifo #(.WIDTH(64 - WORD_BITS + 32), .DEPTH(2)) u_ranges (
      .clk_i,
      .rst_ni,
      .has_room_o(start_ready_o),
      .reserve_i (start_valid_i && start_ready_o),
      .push_i    (start_valid_i && start_ready_o),
      .data_i    ({start_address_i[63:WORD_BITS], start_words_i - 32'd1}),
      .valid_o   (range_valid),
      .ready_i   (range_ready),
      .data_o    ({range_word, range_last})
  );

  // The first block, first and last word in theirs, and how many blocks follow the first.
  logic next_valid_q, next_advances;
  logic [BLOCK_BITS-1:0] next_block_q;
  logic [INDEX_BITS-1:0] next_first_q, next_last_q;
  logic [COUNT_BITS-1:0] next_count_q;

  logic valid_q, is_final_q, advances;
  logic [BLOCK_BITS-1:0] block_q;
  logic [INDEX_BITS-1:0] first_q, last_q, length;
  logic [COUNT_BITS-1:0] count_q;

  assign advances      = !burst_valid_o || burst_ready_i;
  assign next_advances = !valid_q || (advances && is_final_q);
  assign range_ready   = !next_valid_q || next_advances;
  assign length        = (is_final_q ? last_q : '1) - first_q;
  assign idle_o        = !range_valid && !next_valid_q && !valid_q && !burst_valid_o;

  always_ff @(posedge clk_i) begin
    if (range_ready) begin
      {next_block_q, next_first_q} <= range_word;
      {next_count_q, next_last_q}  <= 33'(range_last) + 33'(range_word[INDEX_BITS-1:0]);
    end
    if (next_advances) begin
      block_q    <= next_block_q;
      first_q    <= next_first_q;
      last_q     <= next_last_q;
      count_q    <= next_count_q;
      is_final_q <= next_count_q == '0;
    end else if (advances) begin
      block_q    <= block_q + 1'b1;
      first_q    <= '0;
      count_q    <= count_q - 1'b1;
      is_final_q <= count_q == COUNT_BITS'(1);
    end
    if (advances) begin
      burst_address_o <= {block_q, first_q, WORD_BITS'(0)};
      burst_length_o  <= 8'(length);
    end
  end

  always_ff @(posedge clk_i) begin
    if (!rst_ni) begin
      next_valid_q  <= 1'b0;
      valid_q       <= 1'b0;
      burst_valid_o <= 1'b0;
    end else begin
      if (range_ready) next_valid_q <= range_valid;
      if (next_advances) valid_q <= next_valid_q;
      if (advances) burst_valid_o <= valid_q;
    end
  end

  logic unused;
  assign unused = &{1'b0, start_address_i[WORD_BITS-1:0]};

  `LM_ASSERT(range_is_aligned, !start_valid_i || start_address_i[WORD_BITS-1:0] == '0)
  `LM_ASSERT(range_is_not_empty, !start_valid_i || start_words_i != '0)
  `LM_ASSERT(burst_is_inside_4_kib,
             !burst_valid_o || 32'(burst_address_o[11:0]) +
             (32'(burst_length_o) + 32'd1) * (DATA_BITS / 8) <= 32'd4096)
  `LM_ASSERT_STREAM(burst_holds, burst_valid_o, burst_ready_i, {burst_address_o, burst_length_o})
endmodule

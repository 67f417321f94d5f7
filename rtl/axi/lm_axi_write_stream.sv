// Writes a stream to ranges of memory in bursts. Words may come before their range; the address of
// a burst is sent when all of its words are here, so that a slow source never holds a shared bus.
`include "lm_assert.svh"

module lm_axi_write_stream #(
    parameter int unsigned DATA_BITS = 64,  // a power of two, 32 to 1024
    parameter int unsigned DEPTH = 512,     // words of the FIFO; a power of two, at least 2 BURST
    // Words; a power of two, 2 to 256, 4096 bytes at most.
    parameter int unsigned BURST = DATA_BITS <= 128 ? 256 : 32768 / DATA_BITS,
    parameter RAM_STYLE = "auto"            // of the FIFO
) (
    input  logic                 clk_i,
    input  logic                 rst_ni,
    input  logic                 start_valid_i,
    output logic                 start_ready_o,
    input  logic [63:0]          start_address_i,  // a multiple of the word
    input  logic [31:0]          start_words_i,    // at least 1
    input  logic                 valid_i,
    output logic                 ready_o,
    input  logic [DATA_BITS-1:0] data_i,
    output logic                 idle_o,           // no range, no word, no response is awaited
    output logic                 error_o,          // in the cycle after a response that is not OKAY

    output logic                 aw_valid_o,
    input  logic                 aw_ready_i,
    output logic [63:0]          aw_address_o,
    output logic [7:0]           aw_length_o,
    output logic                 w_valid_o,
    input  logic                 w_ready_i,
    output logic [DATA_BITS-1:0] w_data_o,
    output logic                 w_last_o,
    input  logic                 b_valid_i,
    output logic                 b_ready_o,
    input  logic [1:0]           b_response_i
);
  localparam int unsigned COUNT_BITS = $clog2(DEPTH) + 1;
  localparam int unsigned PENDING_BITS = 9;  // of bursts without a response, 256 at most

  logic burst_valid, burst_fire, are_ranges_done;
  logic [63:0] burst_address;
  logic [7:0] burst_length;

  lm_axi_bursts #(.DATA_BITS(DATA_BITS), .BURST(BURST)) u_bursts (
      .clk_i,
      .rst_ni,
      .start_valid_i,
      .start_ready_o,
      .start_address_i,
      .start_words_i,
      .burst_valid_o  (burst_valid),
      .burst_ready_i  (burst_fire),
      .burst_address_o(burst_address),
      .burst_length_o (burst_length),
      .idle_o         (are_ranges_done)
  );

  logic push, pop, has_word;
  logic [COUNT_BITS-1:0] held_q;  // words in the FIFO
  logic [COUNT_BITS-1:0] free_q;  // of these, the words without a burst
  logic [COUNT_BITS:0] left;      // of free_q after the burst; negative where it has to wait

  assign ready_o = !held_q[COUNT_BITS-1];
  assign push    = valid_i && ready_o;
  assign pop     = w_valid_o && w_ready_i;
  assign left    = {1'b0, free_q} + ~{(COUNT_BITS + 1)'(burst_length)};

  lm_ram_fifo #(.WIDTH(DATA_BITS), .DEPTH(DEPTH), .RAM_STYLE(RAM_STYLE)) u_fifo (
      .clk_i,
      .rst_ni,
      .push_i (push),
      .data_i,
      .valid_o(has_word),
      .ready_i(pop),
      .data_o (w_data_o)
  );

  // Lengths of the bursts whose words may go, and the place in the first of them.
  logic has_length_room, has_length;
  logic [7:0] length, word_q;

  lm_credit_fifo #(.WIDTH(8), .DEPTH(16)) u_lengths (
      .clk_i,
      .rst_ni,
      .has_room_o(has_length_room),
      .reserve_i (burst_fire),
      .push_i    (burst_fire),
      .data_i    (burst_length),
      .valid_o   (has_length),
      .ready_i   (pop && w_last_o),
      .data_o    (length)
  );

  assign w_valid_o = has_word && has_length;
  assign w_last_o  = word_q == length;

  logic [PENDING_BITS-1:0] pending_q;

  assign burst_fire = burst_valid && !left[COUNT_BITS] && has_length_room &&
      !pending_q[PENDING_BITS-1] && (!aw_valid_o || aw_ready_i);
  assign b_ready_o = 1'b1;
  assign idle_o = are_ranges_done && held_q == '0 && pending_q == '0;

  always_ff @(posedge clk_i) begin
    if (!aw_valid_o || aw_ready_i) begin
      aw_address_o <= burst_address;
      aw_length_o  <= burst_length;
    end
  end

  always_ff @(posedge clk_i) begin
    if (!rst_ni) begin
      held_q     <= '0;
      free_q     <= '0;
      word_q     <= '0;
      pending_q  <= '0;
      aw_valid_o <= 1'b0;
      error_o    <= 1'b0;
    end else begin
      held_q    <= held_q + COUNT_BITS'(push) - COUNT_BITS'(pop);
      free_q    <= (burst_fire ? left[COUNT_BITS-1:0] : free_q) + COUNT_BITS'(push);
      pending_q <= pending_q + PENDING_BITS'(burst_fire) - PENDING_BITS'(b_valid_i);
      if (pop) word_q <= w_last_o ? '0 : word_q + 1'b1;
      if (!aw_valid_o || aw_ready_i) aw_valid_o <= burst_fire;
      error_o <= b_valid_i && b_response_i != 2'b00;
    end
  end

  `LM_ASSERT(credit_is_not_negative, free_q <= held_q && held_q <= COUNT_BITS'(DEPTH))
  `LM_ASSERT(response_is_awaited, !b_valid_i || pending_q != '0)
  `LM_ASSERT_STREAM(aw_holds, aw_valid_o, aw_ready_i, {aw_address_o, aw_length_o})
  `LM_ASSERT_STREAM(w_holds, w_valid_o, w_ready_i, {w_data_o, w_last_o})
endmodule

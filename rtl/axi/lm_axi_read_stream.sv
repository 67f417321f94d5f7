// Reads ranges of memory in bursts and gives their words as a stream. A burst is asked for when the
// FIFO has room for BURST words more, so that data never wait on the bus. With a memory that
// answers within DEPTH - BURST - 8 cycles there is a word in every cycle, from one range to the
// next too.
`include "lm_assert.svh"

module lm_axi_read_stream #(
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
    output logic                 valid_o,
    input  logic                 ready_i,
    output logic [DATA_BITS-1:0] data_o,
    output logic                 error_o,          // in each cycle after a word that is not OKAY

    output logic                 ar_valid_o,
    input  logic                 ar_ready_i,
    output logic [63:0]          ar_address_o,
    output logic [7:0]           ar_length_o,
    input  logic                 r_valid_i,
    output logic                 r_ready_o,
    input  logic [DATA_BITS-1:0] r_data_i,
    input  logic [1:0]           r_response_i,
    input  logic                 r_last_i
);
  localparam int unsigned COUNT_BITS = $clog2(DEPTH) + 1;

  logic burst_valid, has_room, ar_fire, pop;
  logic [COUNT_BITS-1:0] free_q;  // words without data or a burst that brings them

  lm_axi_bursts #(.DATA_BITS(DATA_BITS), .BURST(BURST)) u_bursts (
      .clk_i,
      .rst_ni,
      .start_valid_i,
      .start_ready_o,
      .start_address_i,
      .start_words_i,
      .burst_valid_o  (burst_valid),
      .burst_ready_i  (ar_ready_i && has_room),
      .burst_address_o(ar_address_o),
      .burst_length_o (ar_length_o),
      /* verilator lint_off PINCONNECTEMPTY */
      .idle_o()
      /* verilator lint_on PINCONNECTEMPTY */
  );

  assign has_room   = |free_q[COUNT_BITS-1:$clog2(BURST)];
  assign ar_valid_o = burst_valid && has_room;
  assign ar_fire    = ar_valid_o && ar_ready_i;
  assign pop        = valid_o && ready_i;
  assign r_ready_o  = 1'b1;

  always_ff @(posedge clk_i) begin
    if (!rst_ni) begin
      free_q  <= COUNT_BITS'(DEPTH);
      error_o <= 1'b0;
    end else begin
      // Less length + 1 words for a burst.
      free_q  <= free_q + (ar_fire ? ~{COUNT_BITS'(ar_length_o)} : '0) + COUNT_BITS'(pop);
      error_o <= r_valid_i && r_response_i != 2'b00;
    end
  end

  lm_ram_fifo #(.WIDTH(DATA_BITS), .DEPTH(DEPTH), .RAM_STYLE(RAM_STYLE)) u_fifo (
      .clk_i,
      .rst_ni,
      .push_i(r_valid_i),
      .data_i(r_data_i),
      .valid_o,
      .ready_i,
      .data_o
  );

  // Words are counted instead.
  logic unused;
  assign unused = &{1'b0, r_last_i};

  `LM_ASSERT(credit_is_not_negative, free_q <= COUNT_BITS'(DEPTH))
  `LM_ASSERT_STREAM(ar_holds, ar_valid_o, ar_ready_i, {ar_address_o, ar_length_o})
endmodule

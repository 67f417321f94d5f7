// Beats of a head's new state to words for memory: codes pass, and the exponents of all rows follow
// them, in each channel (docs/memory-map.md). Two beats with codes of 8 bits share a word.
module lm_state_writer #(
    parameter int unsigned LANES = 4,
    parameter int unsigned CHANNELS = 1,
    parameter int unsigned ROWS = 64,      // of a head
    parameter int unsigned D_STATE = 128,
    localparam int unsigned WORD_BITS = LANES * lightmamba_pkg::STATE_BITS
) (
    input  logic                 clk_i,
    input  logic                 rst_ni,
    input  logic                 is_short_i,  // codes of 8 bits; steady while there is work
    input  logic                 in_valid_i,
    output logic                 in_ready_o,
    input  logic [7:0]           in_exponent_i,
    input  logic [WORD_BITS-1:0] in_codes_i,
    output logic                 out_valid_o,
    input  logic                 out_ready_i,
    output logic [WORD_BITS-1:0] out_data_o
);
  localparam int unsigned CHANNEL_BITS = WORD_BITS / CHANNELS;
  localparam int unsigned EXPONENT_WORDS = ROWS * 8 / CHANNEL_BITS;
  localparam int unsigned BEATS = D_STATE / LANES;  // of a row
  localparam int unsigned COUNT_BITS = $clog2(ROWS * BEATS);
  localparam int unsigned PART = LANES / CHANNELS;  // lanes of a channel

  logic is_code_q, is_second_q, fire, is_last, waits;
  logic [WORD_BITS-1:0] short_codes;
  logic [LANES*8-1:0] first_q;
  logic [COUNT_BITS-1:0] count_q;
  logic [ROWS*8-1:0] exponents_q;

  // The first beat of a word waits for the second.
  assign waits       = is_short_i && !is_second_q;
  assign out_valid_o = !is_code_q || (in_valid_i && !waits);
  assign in_ready_o  = is_code_q && (out_ready_i || waits);
  assign fire        = is_code_q ? in_valid_i && in_ready_o : out_ready_i;
  assign is_last     = count_q == (is_code_q ? COUNT_BITS'(ROWS * BEATS - 1)
                                      : COUNT_BITS'(EXPONENT_WORDS - 1));

  always_comb begin
    if (!is_code_q) out_data_o = {CHANNELS{exponents_q[CHANNEL_BITS-1:0]}};
    else out_data_o = is_short_i ? short_codes : in_codes_i;
  end

  for (genvar lane = 0; lane < LANES; lane++) begin : gen_lane
    localparam int unsigned FIRST = lane / PART * CHANNEL_BITS + lane % PART * 8;
    localparam int unsigned SECOND = FIRST + PART * 8;
    assign short_codes[FIRST+:8]  = first_q[8*lane+:8];
    assign short_codes[SECOND+:8] = in_codes_i[16*lane+:8];
    always_ff @(posedge clk_i) if (waits) first_q[8*lane+:8] <= in_codes_i[16*lane+:8];
  end

  always_ff @(posedge clk_i) begin
    if (fire) begin
      if (!is_code_q) exponents_q <= exponents_q >> CHANNEL_BITS;
      else if (&count_q[$clog2(BEATS)-1:0]) exponents_q <= {in_exponent_i, exponents_q[ROWS*8-1:8]};
    end
  end

  always_ff @(posedge clk_i) begin
    if (!rst_ni) begin
      is_code_q   <= 1'b1;
      is_second_q <= 1'b0;
      count_q     <= '0;
    end else if (fire) begin
      is_second_q <= is_code_q && waits;
      count_q     <= is_last ? '0 : count_q + COUNT_BITS'(1);
      is_code_q   <= is_code_q ^ is_last;
    end
  end
endmodule

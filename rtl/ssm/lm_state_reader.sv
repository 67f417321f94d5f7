// A head's state as it lies in memory to beats of rows: first the exponents of all rows, which are
// kept, then codes, that pass; each beat has the exponent of its row. A word of codes of 8 bits is
// two beats. With several channels only the exponents of channel 0 count (docs/memory-map.md).
module lm_state_reader #(
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
    input  logic [WORD_BITS-1:0] in_data_i,
    output logic                 out_valid_o,
    input  logic                 out_ready_i,
    output logic [7:0]           out_exponent_o,
    output logic [WORD_BITS-1:0] out_codes_o
);
  localparam int unsigned CHANNEL_BITS = WORD_BITS / CHANNELS;
  localparam int unsigned EXPONENT_WORDS = ROWS * 8 / CHANNEL_BITS;
  localparam int unsigned BEATS = D_STATE / LANES;  // of a row
  localparam int unsigned COUNT_BITS = $clog2(ROWS * BEATS);
  localparam int unsigned PART = LANES / CHANNELS;  // lanes of a channel

  logic is_code_q, is_second_q, fire, is_last;
  logic [WORD_BITS-1:0] short_codes;
  logic [COUNT_BITS-1:0] count_q;
  logic [ROWS*8-1:0] exponents_q;

  assign out_valid_o    = is_code_q && in_valid_i;
  assign in_ready_o     = !is_code_q || (out_ready_i && (is_second_q || !is_short_i));
  assign out_codes_o    = is_short_i ? short_codes : in_data_i;
  assign out_exponent_o = exponents_q[7:0];
  assign fire           = in_valid_i && (!is_code_q || out_ready_i);
  assign is_last        = count_q == (is_code_q ? COUNT_BITS'(ROWS * BEATS - 1)
                                      : COUNT_BITS'(EXPONENT_WORDS - 1));

  for (genvar lane = 0; lane < LANES; lane++) begin : gen_lane
    localparam int unsigned FIRST = lane / PART * CHANNEL_BITS + lane % PART * 8;
    localparam int unsigned SECOND = FIRST + PART * 8;
    logic signed [7:0] code;
    assign code = is_second_q ? in_data_i[SECOND+:8] : in_data_i[FIRST+:8];
    assign short_codes[16*lane+:16] = 16'(code);
  end

  always_ff @(posedge clk_i) begin
    if (fire) begin
      if (!is_code_q) begin
        exponents_q <= (ROWS * 8)'({in_data_i[CHANNEL_BITS-1:0], exponents_q} >> CHANNEL_BITS);
      end else if (&count_q[$clog2(BEATS)-1:0]) begin
        exponents_q <= exponents_q >> 8;
      end
    end
  end

  always_ff @(posedge clk_i) begin
    if (!rst_ni) begin
      is_code_q   <= 1'b0;
      is_second_q <= 1'b0;
      count_q     <= '0;
    end else if (fire) begin
      is_second_q <= is_code_q && is_short_i && !is_second_q;
      count_q     <= is_last ? '0 : count_q + COUNT_BITS'(1);
      is_code_q   <= is_code_q ^ is_last;
    end
  end
endmodule

// Beats of a head's new state to words for memory: codes pass, and the exponents of all rows follow
// them, in each channel (docs/memory-map.md).
module lm_state_writer #(
    parameter int unsigned LANES = 4,
    parameter int unsigned CHANNELS = 1,
    parameter int unsigned ROWS = 64,      // of a head
    parameter int unsigned D_STATE = 128,
    localparam int unsigned WORD_BITS = LANES * lightmamba_pkg::STATE_BITS
) (
    input  logic                 clk_i,
    input  logic                 rst_ni,
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

  logic is_code_q, out_fire, is_last;
  logic [COUNT_BITS-1:0] count_q;
  logic [ROWS*8-1:0] exponents_q;

  assign out_valid_o = !is_code_q || in_valid_i;
  assign in_ready_o  = is_code_q && out_ready_i;
  assign out_data_o  = is_code_q ? in_codes_i : {CHANNELS{exponents_q[CHANNEL_BITS-1:0]}};
  assign out_fire    = out_valid_o && out_ready_i;
  assign is_last     = count_q == (is_code_q ? COUNT_BITS'(ROWS * BEATS - 1)
                                      : COUNT_BITS'(EXPONENT_WORDS - 1));

  always_ff @(posedge clk_i) begin
    if (out_fire) begin
      if (!is_code_q) exponents_q <= exponents_q >> CHANNEL_BITS;
      else if (&count_q[$clog2(BEATS)-1:0]) exponents_q <= {in_exponent_i, exponents_q[ROWS*8-1:8]};
    end
  end

  always_ff @(posedge clk_i) begin
    if (!rst_ni) begin
      is_code_q <= 1'b1;
      count_q   <= '0;
    end else if (out_fire) begin
      count_q   <= is_last ? '0 : count_q + COUNT_BITS'(1);
      is_code_q <= is_code_q ^ is_last;
    end
  end
endmodule

// Rounds blocks of BLOCK values to 8-bit codes with the smallest power-of-two scale that holds the
// largest. One beat of LANES per cycle, blocks without idle cycles between; the first codes of a
// block leave $clog2(LANES) + 9 cycles after its last values have come.
// As round_bfp8() of src/accel/numerics/bfp8.h; the codes' exponent has to fit.
`include "lm_assert.svh"

module lm_round_bfp8 #(
    parameter int unsigned LANES = 4,
    parameter int unsigned IN_BITS = 42,
    parameter int unsigned BLOCK = 64
) (
    input  logic                     clk_i,
    input  logic                     rst_ni,
    input  logic                     in_valid_i,
    output logic                     in_ready_o,
    input  logic [LANES*IN_BITS-1:0] in_values_i,
    input  logic signed [lightmamba_pkg::EXPONENT_BITS-1:0] in_exponent_i,  // with the last beat
    output logic                     out_valid_o,
    input  logic                     out_ready_i,
    output logic [LANES*lightmamba_pkg::BLOCK_CODE_BITS-1:0] out_codes_o,
    output logic signed [lightmamba_pkg::EXPONENT_BITS-1:0] out_exponent_o
);
  localparam int unsigned EXPONENT_BITS = lightmamba_pkg::EXPONENT_BITS;
  localparam logic signed [7:0] ZERO_EXPONENT = lightmamba_pkg::ZERO_EXPONENT;
  localparam int unsigned BLOCK_CODE_BITS = lightmamba_pkg::BLOCK_CODE_BITS;

  localparam int unsigned LENGTH_BITS = $clog2(IN_BITS + 1);
  localparam int unsigned HEAD_BITS = BLOCK_CODE_BITS - 1;
  localparam int unsigned WIDE_BITS = IN_BITS + HEAD_BITS;

  logic beat_valid, beat_ready, is_above, advance;
  logic [LANES*IN_BITS-1:0] values, value_1_q;
  logic [LENGTH_BITS-1:0] length;
  logic signed [EXPONENT_BITS-1:0] exponent;

  lm_bfp8_buffer #(
      .LANES    (LANES),
      .BITS     (IN_BITS),
      .BLOCK    (BLOCK),
      .HEAD_BITS(HEAD_BITS),
      .TAG_BITS (EXPONENT_BITS)
  ) u_block_buffer (
      .clk_i,
      .rst_ni,
      .in_valid_i,
      .in_ready_o,
      .in_values_i,
      .in_tag_i      (in_exponent_i),
      .out_valid_o   (beat_valid),
      .out_ready_i   (beat_ready),
      .out_values_o  (values),
      .out_length_o  (length),
      .out_is_above_o(is_above),
      .out_tag_o     (exponent)
  );

  lm_pipeline #(.CYCLES(3)) u_pipeline (
      .clk_i,
      .rst_ni,
      .in_valid_i(beat_valid),
      .in_ready_o(beat_ready),
      .advance_o (advance),
      .out_valid_o,
      .out_ready_i
  );

  // From HEAD_BITS - 1 to the left, which is what a magnitude of one bit needs.
  logic [LENGTH_BITS-1:0] shift, shift_1_q;
  logic signed [EXPONENT_BITS-1:0] exponent_1_q, exponent_2_q;

  assign shift = length == '0 ? '0 : length - 1'b1 + LENGTH_BITS'(is_above);

  always_ff @(posedge clk_i) begin
    if (advance) begin
      value_1_q <= values;
      shift_1_q <= shift;
      exponent_1_q <= length == '0
          ? ZERO_EXPONENT
          : exponent + EXPONENT_BITS'(shift) - EXPONENT_BITS'(HEAD_BITS - 1);
      exponent_2_q   <= exponent_1_q;
      out_exponent_o <= exponent_2_q;
    end
  end

  for (genvar lane = 0; lane < LANES; lane++) begin : gen_lane
    logic signed [WIDE_BITS-1:0] wide;
    logic signed [BLOCK_CODE_BITS:0] halves_2_q;  // codes in halves

    assign wide = {value_1_q[lane*IN_BITS+:IN_BITS], {HEAD_BITS{1'b0}}};

    // No code leaves its bits: the largest magnitude is at most 127 of them.
    always_ff @(posedge clk_i) begin
      if (advance) begin
        halves_2_q <= (BLOCK_CODE_BITS + 1)'(wide >>> shift_1_q);
        out_codes_o[lane*BLOCK_CODE_BITS+:BLOCK_CODE_BITS] <=
            halves_2_q[BLOCK_CODE_BITS:1] + BLOCK_CODE_BITS'(halves_2_q[0]);
      end
    end
  end

  `LM_ASSERT_STREAM(out_holds, out_valid_o, out_ready_i, {out_codes_o, out_exponent_o})
endmodule

// Quantizes a vector and writes it into a bank of the matrix unit: from the residual, a value at a
// time, or from the Hadamard transform, LANES at a time. As quantize_vector() of
// src/accel/numerics/quantize_unit.h; done_o comes when all is written.
`include "lm_assert.svh"

module lm_vector_loader #(
    parameter int unsigned COLUMNS = 32,   // of the matrix unit
    parameter int unsigned LANES = 1,      // at most COLUMNS
    parameter int unsigned MAX_GROUPS = 40,
    parameter int unsigned MMU_MAX_GROUPS = 127,
    localparam int unsigned BEATS = lightmamba_pkg::GROUP / COLUMNS,
    localparam int unsigned GROUPS_BITS = $clog2(MAX_GROUPS + 1),
    localparam int unsigned MMU_GROUP_BITS = $clog2(MMU_MAX_GROUPS),
    localparam int unsigned MMU_WORD_BITS = $clog2(MMU_MAX_GROUPS * BEATS)
) (
    input  logic clk_i,
    input  logic rst_ni,
    // Only when done with the vector before.
    input  logic                   start_i,
    input  logic                   is_rotated_i,                         // from the transform
    input  logic                   bank_i,
    input  logic [GROUPS_BITS-1:0] groups_i,
    input  logic [lightmamba_pkg::CLIP_BITS-1:0] clip_i,
    output logic                   done_o,
    output logic signed [lightmamba_pkg::EXPONENT_BITS-1:0] exponent_o,  // from done_o on

    input  logic residual_valid_i,
    output logic residual_ready_o,
    input  logic signed [lightmamba_pkg::RESIDUAL_BITS-1:0] residual_i,
    input  logic rotated_valid_i,
    output logic rotated_ready_o,
    input  logic [LANES*lightmamba_pkg::ROTATED_BITS-1:0] rotated_i,

    output logic                      bank_o,
    output logic                      code_we_o,
    output logic [MMU_WORD_BITS-1:0]  code_address_o,
    output logic [4*COLUMNS-1:0]      codes_o,
    output logic                      multiplier_we_o,
    output logic [MMU_GROUP_BITS-1:0] multiplier_group_o,
    output logic [lightmamba_pkg::MULTIPLIER_BITS-1:0] multiplier_o
);
  localparam int unsigned BITS = lightmamba_pkg::ROTATED_BITS;
  localparam int unsigned CODES_BITS = LANES * lightmamba_pkg::CODE_BITS;

  logic is_rotated_q;

  // Residual values come together to a beat.
  logic gathered_valid, gathered_ready;
  logic [LANES*BITS-1:0] gathered;

  lm_serial_to_parallel #(
      .BITS (BITS),
      .COUNT(LANES)
  ) u_gather_values (
      .clk_i,
      .rst_ni,
      .in_valid_i (residual_valid_i),
      .in_ready_o (residual_ready_o),
      .in_data_i  (BITS'(residual_i)),
      .out_valid_o(gathered_valid),
      .out_ready_i(gathered_ready),
      .out_data_o (gathered)
  );

  logic start_ready, value_valid, value_ready;
  logic code_valid, code_last, multiplier_valid, multiplier_last;
  logic [LANES*BITS-1:0] values;
  logic [CODES_BITS-1:0] codes;
  logic signed [lightmamba_pkg::EXPONENT_BITS-1:0] exponent;

  assign value_valid     = is_rotated_q ? rotated_valid_i : gathered_valid;
  assign values          = is_rotated_q ? rotated_i : gathered;
  assign gathered_ready  = !is_rotated_q && value_ready;
  assign rotated_ready_o = is_rotated_q && value_ready;

  lm_quantize_unit #(
      .LANES     (LANES),
      .MAX_GROUPS(MAX_GROUPS)
  ) u_quantize (
      .clk_i,
      .rst_ni,
      .start_valid_i     (start_i),
      .start_ready_o     (start_ready),
      .groups_i,
      .clip_i,
      .value_valid_i     (value_valid),
      .value_ready_o     (value_ready),
      .value_i           (values),
      .code_valid_o      (code_valid),
      .code_ready_i      (1'b1),
      .code_o            (codes),
      .code_last_o       (code_last),
      .multiplier_valid_o(multiplier_valid),
      .multiplier_ready_i(1'b1),
      .multiplier_o      (multiplier_o),
      .multiplier_last_o (multiplier_last),
      .exponent_o        (exponent)
  );

  logic [MMU_WORD_BITS-1:0] word_q;
  logic [MMU_GROUP_BITS-1:0] group_q;
  logic codes_done_q, multipliers_done_q, is_busy_q, word_ready;

  lm_serial_to_parallel #(
      .BITS (CODES_BITS),
      .COUNT(COLUMNS / LANES)
  ) u_gather_codes (
      .clk_i,
      .rst_ni,
      .in_valid_i (code_valid),
      .in_ready_o (word_ready),
      .in_data_i  (codes),
      .out_valid_o(code_we_o),
      .out_ready_i(1'b1),
      .out_data_o (codes_o)
  );

  assign code_address_o     = word_q;
  assign multiplier_we_o    = multiplier_valid;
  assign multiplier_group_o = group_q;
  assign done_o             = is_busy_q && codes_done_q && multipliers_done_q && !code_we_o;

  always_ff @(posedge clk_i) begin
    if (start_i) begin
      is_rotated_q <= is_rotated_i;
      bank_o       <= bank_i;
      word_q       <= '0;
      group_q      <= '0;
    end else begin
      if (code_we_o) word_q <= word_q + MMU_WORD_BITS'(1);
      if (multiplier_valid) group_q <= group_q + MMU_GROUP_BITS'(1);
    end
    if (multiplier_valid) exponent_o <= exponent;
  end

  always_ff @(posedge clk_i) begin
    if (!rst_ni || start_i) begin
      codes_done_q       <= 1'b0;
      multipliers_done_q <= 1'b0;
    end else begin
      if (code_valid && code_last) codes_done_q <= 1'b1;
      if (multiplier_valid && multiplier_last) multipliers_done_q <= 1'b1;
    end
    if (!rst_ni) is_busy_q <= 1'b0;
    else is_busy_q <= start_i || (is_busy_q && !done_o);
  end

  // The unit is idle when it is started, and words are taken at once.
  logic unused;
  assign unused = &{1'b0, start_ready, word_ready};

  `LM_ASSERT_START(starts_when_done, start_i, !is_busy_q && start_ready)
  `LM_ASSERT_START(codes_are_taken_at_once, code_valid, word_ready)
endmodule

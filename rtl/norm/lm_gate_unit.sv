// v = y silu(z) of a head's channels, y and z as codes of blocks. A channel per cycle, 20 cycles of
// latency. As gate() of src/accel/numerics/gate_unit.h.
`include "lm_assert.svh"

module lm_gate_unit (
    input  logic       clk_i,
    input  logic       rst_ni,
    input  logic       y_valid_i,
    output logic       y_ready_o,
    input  logic [7:0] y_code_i,
    input  logic [7:0] y_exponent_i,
    input  logic       z_valid_i,
    output logic       z_ready_o,
    input  logic [7:0] z_code_i,
    input  logic [7:0] z_exponent_i,
    output logic       out_valid_o,
    input  logic       out_ready_i,
    output logic signed [lightmamba_pkg::GATED_BITS-1:0] out_value_o
);
  localparam int unsigned ACTIVATION_BITS = lightmamba_pkg::ACTIVATION_BITS;
  localparam int unsigned GATED_BITS = lightmamba_pkg::GATED_BITS;
  localparam int unsigned PRODUCT_BITS = ACTIVATION_BITS + 8;
  localparam int unsigned SHIFT_BITS = 10;
  localparam int unsigned RESCALE_CYCLES = 5;
  localparam int unsigned SILU_CYCLES = 6;
  localparam logic signed [SHIFT_BITS-1:0] FRACTION_BITS =
      SHIFT_BITS'(lightmamba_pkg::FRACTION_BITS);
  // From a y with FRACTION_BITS to a v with two more.
  localparam logic signed [SHIFT_BITS-1:0] MORE_BITS = SHIFT_BITS'(2);
  // The operands, z in fixed point, silu, the product in two, its rescaling.
  localparam int unsigned PRODUCT_AT = 1 + RESCALE_CYCLES + SILU_CYCLES;
  localparam int unsigned STAGES = PRODUCT_AT + 2 + RESCALE_CYCLES;

  logic in_fire, has_room;
  logic [STAGES-1:0] valid_q;

  assign in_fire   = y_valid_i && z_valid_i && has_room;
  assign y_ready_o = in_fire;
  assign z_ready_o = in_fire;

  always_ff @(posedge clk_i) begin
    if (!rst_ni) valid_q <= '0;
    else valid_q <= {valid_q[STAGES-2:0], in_fire};
  end

  logic signed [7:0] z_code_q, z_exponent;
  logic signed [SHIFT_BITS-1:0] z_shift_q;
  logic [ACTIVATION_BITS-1:0] z, silu_z;

  assign z_exponent = z_exponent_i;

  always_ff @(posedge clk_i) begin
    z_code_q  <= z_code_i;
    z_shift_q <= -FRACTION_BITS - SHIFT_BITS'(z_exponent);
  end

  lm_rescale_pipeline #(
      .IN_BITS   (8),
      .OUT_BITS  (ACTIVATION_BITS),
      .SHIFT_BITS(SHIFT_BITS)
  ) u_to_fixed_point (
      .clk_i,
      .x_i    (z_code_q),
      .shift_i(z_shift_q),
      .y_o    (z)
  );

  // Nothing waits inside: there is room for all at the end.
  logic silu_ready, silu_valid;
  lm_silu_unit #(
      .LANES(1)
  ) u_silu (
      .clk_i,
      .rst_ni,
      .in_valid_i  (valid_q[RESCALE_CYCLES]),
      .in_ready_o  (silu_ready),
      .in_values_i (z),
      .out_valid_o (silu_valid),
      .out_ready_i (1'b1),
      .out_values_o(silu_z)
  );

  logic [7:0] y_code, y_exponent;

  lm_shift_register #(
      .BITS  (16),
      .CYCLES(PRODUCT_AT)
  ) u_y_line (
      .clk_i,
      .advance_i(1'b1),
      .x_i      ({y_exponent_i, y_code_i}),
      .y_o      ({y_exponent, y_code})
  );

  logic signed [7:0] signed_y, signed_exponent;
  logic signed [ACTIVATION_BITS-1:0] signed_silu;
  logic signed [PRODUCT_BITS-1:0] product1_q, product2_q;
  logic signed [SHIFT_BITS-1:0] shift1_q, shift2_q;
  logic [GATED_BITS-1:0] value;

  assign signed_y        = y_code;
  assign signed_exponent = y_exponent;
  assign signed_silu     = silu_z;

  always_ff @(posedge clk_i) begin
    product1_q <= PRODUCT_BITS'(signed_y) * PRODUCT_BITS'(signed_silu);
    product2_q <= product1_q;
    shift1_q   <= -MORE_BITS - SHIFT_BITS'(signed_exponent);
    shift2_q   <= shift1_q;
  end

  lm_rescale_pipeline #(
      .IN_BITS   (PRODUCT_BITS),
      .OUT_BITS  (GATED_BITS),
      .SHIFT_BITS(SHIFT_BITS)
  ) u_to_gated (
      .clk_i,
      .x_i    (product2_q),
      .shift_i(shift2_q),
      .y_o    (value)
  );

  lm_credit_fifo #(
      .WIDTH(GATED_BITS),
      .DEPTH(32)
  ) u_results (
      .clk_i,
      .rst_ni,
      .has_room_o(has_room),
      .reserve_i (in_fire),
      .push_i    (valid_q[STAGES-1]),
      .data_i    (value),
      .valid_o   (out_valid_o),
      .ready_i   (out_ready_i),
      .data_o    (out_value_o)
  );

  logic unused;
  assign unused = silu_ready ^ silu_valid;

  `LM_ASSERT_START(silu_never_waits, valid_q[RESCALE_CYCLES], silu_ready)
endmodule

// v of the gated norm times the gain of its channel, as the Hadamard transform takes it; eight
// gains come in a record. A channel per cycle, 3 cycles of latency. As times_gain() of
// src/accel/numerics/gain_unit.h.
`include "lm_assert.svh"

module lm_gain_unit (
    input  logic         clk_i,
    input  logic         rst_ni,
    input  logic         record_valid_i,
    output logic         record_ready_o,
    input  logic [127:0] record_i,
    input  logic         in_valid_i,
    output logic         in_ready_o,
    input  logic signed [lightmamba_pkg::GATED_BITS-1:0] in_value_i,
    output logic         out_valid_o,
    input  logic         out_ready_i,
    output logic signed [lightmamba_pkg::GAINED_BITS-1:0] out_value_o
);
  localparam int unsigned GAIN_BITS = 16;
  localparam int unsigned SHIFT = 19;
  localparam int unsigned GAINED_BITS = lightmamba_pkg::GAINED_BITS;
  localparam int unsigned PRODUCT_BITS = lightmamba_pkg::GATED_BITS + GAIN_BITS;
  localparam int unsigned ROUNDED_BITS = PRODUCT_BITS - SHIFT + 1;

  logic [2:0] gain_q;
  logic [127:0] gains;
  logic signed [GAIN_BITS-1:0] gain;
  logic signed [PRODUCT_BITS-1:0] product1_q, product2_q;
  logic signed [ROUNDED_BITS-1:0] rounded;
  logic signed [GAINED_BITS-1:0] value;
  logic valid, ready, in_fire, advance;

  assign valid          = in_valid_i && record_valid_i;
  assign in_fire        = valid && ready;
  assign in_ready_o     = in_fire;
  assign record_ready_o = in_fire && (&gain_q);
  assign gains          = record_i >> {gain_q, 4'b0000};
  assign gain           = gains[GAIN_BITS-1:0];

  lm_pipeline #(
      .CYCLES(3)
  ) u_stages (
      .clk_i,
      .rst_ni,
      .in_valid_i(valid),
      .in_ready_o(ready),
      .advance_o (advance),
      .out_valid_o,
      .out_ready_i
  );

  assign rounded = ROUNDED_BITS'(((product2_q >>> (SHIFT - 1)) + PRODUCT_BITS'(1)) >>> 1);

  lm_saturate #(
      .IN_BITS (ROUNDED_BITS),
      .OUT_BITS(GAINED_BITS)
  ) u_to_gained (
      .x_i(rounded),
      .y_o(value)
  );

  always_ff @(posedge clk_i) begin
    if (!rst_ni) gain_q <= '0;
    else if (in_fire) gain_q <= gain_q + 3'd1;
  end

  always_ff @(posedge clk_i) begin
    if (advance) begin
      product1_q  <= PRODUCT_BITS'(in_value_i) * PRODUCT_BITS'(gain);
      product2_q  <= product1_q;
      out_value_o <= value;
    end
  end

  logic unused;
  assign unused = &{1'b0, gains[127:GAIN_BITS]};

  `LM_ASSERT_STREAM(out_holds, out_valid_o, out_ready_i, out_value_o)
endmodule

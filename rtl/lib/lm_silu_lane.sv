// One lane of lm_silu_unit: x times the sigmoid, which it interpolates between entries of the table
// that come two cycles after x. 6 cycles of latency.
module lm_silu_lane (
    input  logic        clk_i,
    input  logic        advance_i,
    input  logic signed [lightmamba_pkg::ACTIVATION_BITS-1:0] x_i,
    input  logic [16:0] entry_i,
    input  logic [9:0]  rise_i,
    output logic signed [lightmamba_pkg::ACTIVATION_BITS-1:0] y_o
);
  localparam int unsigned FRACTION_BITS = lightmamba_pkg::FRACTION_BITS;
  localparam int unsigned ACTIVATION_BITS = lightmamba_pkg::ACTIVATION_BITS;

  localparam int unsigned REST_BITS = FRACTION_BITS - 5;
  localparam int unsigned RISE_BITS = 10;
  localparam int unsigned PRODUCT_BITS = ACTIVATION_BITS + 18;
  localparam logic signed [ACTIVATION_BITS-1:0] END = ACTIVATION_BITS'(16 << FRACTION_BITS);
  localparam logic signed [PRODUCT_BITS-1:0] HALF = PRODUCT_BITS'(1 << (FRACTION_BITS - 1));
  localparam logic [16:0] ONE = 17'h10000;

  logic signed [ACTIVATION_BITS-1:0] x_2, x_3_q, x_4_q;
  logic [16:0] entry_3_q, sigmoid_4_q;
  logic [RISE_BITS+REST_BITS-1:0] rise_3_q;
  logic signed [PRODUCT_BITS-1:0] product_5_q;

  lm_shift_register #(.BITS(ACTIVATION_BITS), .CYCLES(2)) u_delay (
      .clk_i,
      .advance_i,
      .x_i(x_i),
      .y_o(x_2)
  );

  always_ff @(posedge clk_i) begin
    if (advance_i) begin
      x_3_q     <= x_2;
      entry_3_q <= entry_i;
      rise_3_q  <= (RISE_BITS + REST_BITS)'(rise_i) * (RISE_BITS + REST_BITS)'(x_2[REST_BITS-1:0]);

      x_4_q <= x_3_q;
      if (x_3_q >= END) sigmoid_4_q <= ONE;
      else if (x_3_q < -END) sigmoid_4_q <= '0;
      else sigmoid_4_q <= entry_3_q + 17'(rise_3_q >> REST_BITS);

      product_5_q <= x_4_q * signed'({1'b0, sigmoid_4_q});
      // |y| <= |x|: nothing to saturate.
      y_o <= ACTIVATION_BITS'((product_5_q + HALF) >>> FRACTION_BITS);
    end
  end
endmodule

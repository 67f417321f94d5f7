// 1 - exp(-u) of u = mantissa 2^exponent, with 16 bits of mantissa. One number per cycle, 10 cycles
// of latency. As one_minus_exp() of src/accel/numerics/functions.h.
module lm_one_minus_exp #(
    parameter int unsigned IN_BITS = 24
) (
    input  logic               clk_i,
    input  logic               advance_i,
    input  logic [IN_BITS-1:0] mantissa_i,
    input  logic signed [9:0]  exponent_i,
    output logic [15:0]        mantissa_o,
    output logic signed [9:0]  exponent_o
);
  // Octaves of the table are those of exponents of 16-bit mantissas; below them the result is u,
  // above them 1.
  localparam logic signed [9:0] FIRST_EXPONENT = -10'sd27;
  localparam logic signed [9:0] END_EXPONENT = FIRST_EXPONENT + 10'sd16;
  localparam logic [15:0] ONE_MANTISSA = 16'h8000;
  localparam logic signed [9:0] ONE_EXPONENT = -10'sd15;
  localparam int unsigned REST_BITS = 10;
  localparam int unsigned FALL_BITS = 10;

  logic [15:0] u, u_9;
  logic signed [9:0] u_exponent, u_exponent_9;

  lm_normalize #(.IN_BITS(IN_BITS), .OUT_BITS(16), .EXPONENT_BITS(10)) u_normalize (
      .clk_i,
      .advance_i,
      .mantissa_i,
      .exponent_i,
      .mantissa_o(u),
      .exponent_o(u_exponent)
  );

  lm_shift_register #(.BITS(26), .CYCLES(7)) u_delay_all (
      .clk_i,
      .advance_i,
      .x_i({u, u_exponent}),
      .y_o({u_9, u_exponent_9})
  );

  logic [3:0] octave;
  logic [15:0] entry, u_4, u_6;
  logic [FALL_BITS-1:0] fall;

  assign octave = 4'(u_exponent - FIRST_EXPONENT);

  lm_decay_ratio_rom u_decay_ratio_rom (
      .clk_i,
      .advance_i,
      .index_i({octave, u[14:REST_BITS]}),
      .entry_o(entry),
      .fall_o (fall)
  );

  lm_shift_register #(.BITS(16), .CYCLES(2)) u_delay_4 (
      .clk_i,
      .advance_i,
      .x_i(u),
      .y_o(u_4)
  );

  lm_shift_register #(.BITS(16), .CYCLES(2)) u_delay_6 (
      .clk_i,
      .advance_i,
      .x_i(u_4),
      .y_o(u_6)
  );

  logic [15:0] entry_5_q, ratio_6_q;
  logic [FALL_BITS+REST_BITS-1:0] fall_5_q;
  logic [31:0] product_7_q;
  logic signed [9:0] exponent_7;

  always_ff @(posedge clk_i) begin
    if (advance_i) begin
      entry_5_q   <= entry;
      fall_5_q    <= (FALL_BITS + REST_BITS)'(fall) * (FALL_BITS + REST_BITS)'(u_4[REST_BITS-1:0]);
      ratio_6_q   <= entry_5_q - 16'(fall_5_q >> REST_BITS);
      product_7_q <= 32'(u_6) * 32'(ratio_6_q);
    end
  end

  lm_shift_register #(.BITS(10), .CYCLES(5)) u_delay_7 (
      .clk_i,
      .advance_i,
      .x_i(u_exponent - 10'sd16),
      .y_o(exponent_7)
  );

  logic [15:0] complement_9;
  logic signed [9:0] complement_exponent_9;

  lm_normalize #(.IN_BITS(32), .OUT_BITS(16), .EXPONENT_BITS(10)) u_normalize_product (
      .clk_i,
      .advance_i,
      .mantissa_i(product_7_q),
      .exponent_i(exponent_7),
      .mantissa_o(complement_9),
      .exponent_o(complement_exponent_9)
  );

  always_ff @(posedge clk_i) begin
    if (advance_i) begin
      if (u_9 == '0 || u_exponent_9 < FIRST_EXPONENT) begin
        mantissa_o <= u_9;
        exponent_o <= u_exponent_9;
      end else if (u_exponent_9 >= END_EXPONENT) begin
        mantissa_o <= ONE_MANTISSA;
        exponent_o <= ONE_EXPONENT;
      end else begin
        mantissa_o <= complement_9;
        exponent_o <= complement_exponent_9;
      end
    end
  end
endmodule

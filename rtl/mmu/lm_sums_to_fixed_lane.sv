// One lane of lm_sums_to_fixed. 6 cycles of latency; what all lanes share comes 2 cycles after the
// sum.
module lm_sums_to_fixed_lane #(
    parameter int unsigned OUT_BITS = 26
) (
    input  logic                       clk_i,
    input  logic                       advance_i,
    input  logic signed [lightmamba_pkg::ACCUMULATOR_BITS-1:0] sum_i,
    input  logic signed [9:0]          left_2_i,  // exponent + fraction bits
    input  logic [lightmamba_pkg::ROOT_BITS-1:0] mantissa_2_i,
    output logic signed [OUT_BITS-1:0] value_o
);
  localparam int unsigned ACCUMULATOR_BITS = lightmamba_pkg::ACCUMULATOR_BITS;
  localparam int unsigned KEPT_BITS = lightmamba_pkg::KEPT_BITS;
  localparam int unsigned ROOT_BITS = lightmamba_pkg::ROOT_BITS;

  localparam int unsigned PRODUCT_BITS = KEPT_BITS + ROOT_BITS;
  localparam int unsigned COUNT_BITS = $clog2(ACCUMULATOR_BITS);
  // 0 where the magnitude has KEPT_BITS - 1.
  localparam logic [COUNT_BITS-1:0] MAX_SHIFT = COUNT_BITS'(ACCUMULATOR_BITS - (KEPT_BITS - 1));
  // Beyond these a shift leaves 0 or saturates.
  localparam logic signed [9:0] MAX = 10'sd63;
  localparam logic signed [9:0] MIN = -10'sd64;

  logic signed [ACCUMULATOR_BITS-1:0] sum_1_q, sum_2_q;
  logic [ACCUMULATOR_BITS-1:0] magnitude_1_q;
  logic [COUNT_BITS-1:0] zeros;
  logic is_zero;
  logic [4:0] shift_2_q;

  lm_leading_zeros #(.BITS(ACCUMULATOR_BITS)) u_leading_zeros (
      .x_i      (magnitude_1_q),
      .count_o  (zeros),
      .is_zero_o(is_zero)
  );

  always_ff @(posedge clk_i) begin
    if (advance_i) begin
      sum_1_q       <= sum_i;
      magnitude_1_q <= sum_i < 0 ? -sum_i : sum_i;
      sum_2_q       <= sum_1_q;
      shift_2_q     <= is_zero || zeros > MAX_SHIFT ? '0 : 5'(MAX_SHIFT - zeros);
    end
  end

  logic signed [PRODUCT_BITS-1:0] product;

  lm_sum_times_root u_scaled_product (
      .clk_i,
      .advance_i,
      .sum_i     (sum_2_q),
      .shift_i   (shift_2_q),
      .mantissa_i(mantissa_2_i),
      .product_o (product)
  );

  logic signed [9:0] shift_3_q;
  logic signed [6:0] shift_4_q, shift_5_q;
  logic signed [OUT_BITS-1:0] value_d;

  lm_rescale #(.IN_BITS(PRODUCT_BITS), .OUT_BITS(OUT_BITS), .SHIFT_BITS(7)) u_rescale (
      .x_i    (product),
      .shift_i(shift_5_q),
      .y_o    (value_d)
  );

  always_ff @(posedge clk_i) begin
    if (advance_i) begin
      shift_3_q <= -(left_2_i + signed'(10'(shift_2_q)));
      if (shift_3_q > MAX) shift_4_q <= 7'(MAX);
      else if (shift_3_q < MIN) shift_4_q <= 7'(MIN);
      else shift_4_q <= 7'(shift_3_q);
      shift_5_q <= shift_4_q;
      value_o   <= value_d;
    end
  end
endmodule

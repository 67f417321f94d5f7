// y = x 2^-shift to the nearest integer, halves up, within OUT_BITS. A result each cycle, LATENCY
// (5) cycles after its operands; never stalls. As rescale() of src/accel/numerics/fixed_point.h.
module lm_rescale_pipeline #(
    parameter int unsigned IN_BITS = 16,
    parameter int unsigned OUT_BITS = 26,
    parameter int unsigned SHIFT_BITS = 10
) (
    input  logic                         clk_i,
    input  logic signed [IN_BITS-1:0]    x_i,
    input  logic signed [SHIFT_BITS-1:0] shift_i,  // negative: to the left
    output logic signed [OUT_BITS-1:0]   y_o
);
  // x starts OUT_BITS to the left, where all but 0 saturates, with a bit for the rounding below it,
  // and goes to the right from there; at the most to the right only its sign is left, that rounds
  // to 0.
  localparam int unsigned WIDE_BITS = IN_BITS + OUT_BITS + 1;
  localparam int unsigned AMOUNT_BITS = $clog2(WIDE_BITS);
  localparam int unsigned FINE_BITS = AMOUNT_BITS / 2;
  localparam int unsigned SUM_BITS = (SHIFT_BITS > AMOUNT_BITS ? SHIFT_BITS : AMOUNT_BITS + 1) + 1;
  localparam logic signed [SUM_BITS-1:0] MAX_LEFT = SUM_BITS'(OUT_BITS);

  // 1: the amount.
  logic signed [SUM_BITS-1:0] sum;
  logic [AMOUNT_BITS-1:0] amount_d, amount_q;
  logic signed [IN_BITS-1:0] x_q;

  assign sum = SUM_BITS'(shift_i) + MAX_LEFT;

  always_comb begin
    amount_d = sum[AMOUNT_BITS-1:0];
    if (|sum[SUM_BITS-1:AMOUNT_BITS]) amount_d = '1;
    if (sum[SUM_BITS-1]) amount_d = '0;
  end

  // 2 and 3: the shift.
  logic signed [WIDE_BITS-1:0] wide, coarse_q, shifted_q;
  logic [AMOUNT_BITS-FINE_BITS-1:0] coarse_amount;
  logic [FINE_BITS-1:0] fine_q;

  assign wide = {x_q, {(OUT_BITS + 1) {1'b0}}};
  assign coarse_amount = amount_q[AMOUNT_BITS-1:FINE_BITS];

  // 4 and 5: the rounding and the saturation. What is below the range before it is rounded is at
  // its end afterwards, so the order does not matter.
  logic signed [OUT_BITS:0] rounded_q;
  logic is_negative_q, is_outside_q;

  always_ff @(posedge clk_i) begin
    amount_q <= amount_d;
    x_q <= x_i;

    coarse_q <= wide >>> {coarse_amount, {FINE_BITS{1'b0}}};
    fine_q <= amount_q[FINE_BITS-1:0];
    shifted_q <= coarse_q >>> fine_q;

    rounded_q <= (OUT_BITS + 1)'(((OUT_BITS + 2)'($signed(
        shifted_q[OUT_BITS:0]
    )) + (OUT_BITS + 2)'(1)) >>> 1);
    is_negative_q <= shifted_q[WIDE_BITS-1];
    is_outside_q <= !(&shifted_q[WIDE_BITS-1:OUT_BITS] || !(|shifted_q[WIDE_BITS-1:OUT_BITS]));

    y_o <= is_outside_q || (rounded_q[OUT_BITS] ^ rounded_q[OUT_BITS-1])
        ? {is_negative_q, {(OUT_BITS - 1) {~is_negative_q}}}
        : rounded_q[OUT_BITS-1:0];
  end
endmodule

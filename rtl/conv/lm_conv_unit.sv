// The causal conv of the newest token, before silu: LANES channels of a block of codes per beat, a
// beat per cycle, 12 cycles from a beat to its sums. As conv_silu() of
// src/accel/numerics/conv_unit.h without its silu().
module lm_conv_unit #(
    parameter int unsigned LANES = 4
) (
    input  logic clk_i,
    input  logic rst_ni,

    input  logic                 in_valid_i,
    output logic                 in_ready_o,
    input  logic [LANES*8-1:0]   codes_i,        // of the newest token
    input  logic [7:0]           exponent_i,
    input  logic [3*LANES*8-1:0] older_codes_i,  // [tap][lane], tap 0 is the oldest
    input  logic [3*8-1:0]       older_exponents_i,
    input  logic [LANES*4*8-1:0] weights_i,      // [lane][tap]
    input  logic [LANES*8-1:0]   weight_exponents_i,
    input  logic [LANES*26-1:0]  biases_i,

    output logic                out_valid_o,
    input  logic                out_ready_i,
    output logic [LANES*26-1:0] sums_o
);
  localparam int unsigned TAPS = 4;
  localparam int unsigned CODE_BITS = lightmamba_pkg::BLOCK_CODE_BITS;
  localparam int unsigned EXPONENT_BITS = lightmamba_pkg::EXPONENT_BITS;
  localparam int unsigned VALUE_BITS = lightmamba_pkg::ACTIVATION_BITS;
  localparam int unsigned PRODUCT_BITS = 2 * CODE_BITS;
  localparam int unsigned SHIFT_BITS = EXPONENT_BITS + 2;
  localparam int unsigned SUM_BITS = VALUE_BITS + 3;
  localparam logic signed [SHIFT_BITS-1:0] FRACTION_BITS =
      SHIFT_BITS'(lightmamba_pkg::FRACTION_BITS);
  // The operands, two of the product, five of lm_rescale_pipeline, two of the sum, its saturation.
  localparam int unsigned STAGES = 11;
  localparam int unsigned BIAS_STAGES = 7;

  logic valid;
  logic [STAGES-1:0] valid_q;
  logic [LANES*VALUE_BITS-1:0] sums;

  assign valid = in_valid_i && in_ready_o;

  always_ff @(posedge clk_i) begin
    if (!rst_ni) valid_q <= '0;
    else valid_q <= {valid_q[STAGES-2:0], valid};
  end

  logic [TAPS*LANES*CODE_BITS-1:0] codes_q;
  logic [TAPS*EXPONENT_BITS-1:0] exponents_q;
  logic [LANES*TAPS*CODE_BITS-1:0] weights_q;
  logic [LANES*EXPONENT_BITS-1:0] weight_exponents_q;
  logic [LANES*VALUE_BITS-1:0] biases_q;

  always_ff @(posedge clk_i) begin
    codes_q <= {codes_i, older_codes_i};
    exponents_q <= {exponent_i, older_exponents_i};
    weights_q <= weights_i;
    weight_exponents_q <= weight_exponents_i;
    biases_q <= biases_i;
  end

  for (genvar lane = 0; lane < LANES; lane++) begin : gen_lane
    logic [TAPS*VALUE_BITS-1:0] values;

    for (genvar tap = 0; tap < TAPS; tap++) begin : gen_tap
      logic signed [CODE_BITS-1:0] code, weight;
      logic signed [EXPONENT_BITS-1:0] exponent, weight_exponent;
      logic signed [PRODUCT_BITS-1:0] multiplied_q, product_q;
      logic signed [SHIFT_BITS-1:0] exponent_q, shift_q;

      assign code = codes_q[(tap*LANES+lane)*CODE_BITS+:CODE_BITS];
      assign weight = weights_q[(lane*TAPS+tap)*CODE_BITS+:CODE_BITS];
      assign exponent = exponents_q[tap*EXPONENT_BITS+:EXPONENT_BITS];
      assign weight_exponent = weight_exponents_q[lane*EXPONENT_BITS+:EXPONENT_BITS];

      always_ff @(posedge clk_i) begin
        multiplied_q <= PRODUCT_BITS'(code) * PRODUCT_BITS'(weight);
        product_q <= multiplied_q;
        exponent_q <= SHIFT_BITS'(exponent) + SHIFT_BITS'(weight_exponent);
        shift_q <= -FRACTION_BITS - exponent_q;
      end

      lm_rescale_pipeline #(
          .IN_BITS   (PRODUCT_BITS),
          .OUT_BITS  (VALUE_BITS),
          .SHIFT_BITS(SHIFT_BITS)
      ) u_rescale (
          .clk_i,
          .x_i    (product_q),
          .shift_i(shift_q),
          .y_o    (values[tap*VALUE_BITS+:VALUE_BITS])
      );
    end

    logic signed [VALUE_BITS-1:0] bias, sum_q;
    logic signed [SUM_BITS-1:0] older_q, newer_q, total_q;
    logic is_inside;

    lm_shift_register #(
        .BITS  (VALUE_BITS),
        .CYCLES(BIAS_STAGES)
    ) u_bias (
        .clk_i,
        .advance_i(1'b1),
        .x_i      (biases_q[lane*VALUE_BITS+:VALUE_BITS]),
        .y_o      (bias)
    );

    assign is_inside = &total_q[SUM_BITS-1:VALUE_BITS-1] || !(|total_q[SUM_BITS-1:VALUE_BITS-1]);

    always_ff @(posedge clk_i) begin
      older_q <= SUM_BITS'($signed(values[0+:VALUE_BITS])) +
          SUM_BITS'($signed(values[VALUE_BITS+:VALUE_BITS]));
      newer_q <= SUM_BITS'($signed(values[2*VALUE_BITS+:VALUE_BITS])) +
          SUM_BITS'($signed(values[3*VALUE_BITS+:VALUE_BITS])) + SUM_BITS'(bias);
      total_q <= older_q + newer_q;
      sum_q <= is_inside ? total_q[VALUE_BITS-1:0]
                         : {total_q[SUM_BITS-1], {(VALUE_BITS - 1) {~total_q[SUM_BITS-1]}}};
    end

    assign sums[lane*VALUE_BITS+:VALUE_BITS] = sum_q;
  end

  lm_credit_fifo #(
      .WIDTH(LANES * VALUE_BITS),
      .DEPTH(16)
  ) u_out (
      .clk_i,
      .rst_ni,
      .has_room_o(in_ready_o),
      .reserve_i (valid),
      .push_i    (valid_q[STAGES-1]),
      .data_i    (sums),
      .valid_o   (out_valid_o),
      .ready_i   (out_ready_i),
      .data_o    (sums_o)
  );
endmodule

// What a row of the state needs before its elements are stepped: u = dt x, the exponent of the step
// and how far each term is shifted for it. A row or a block of one each cycle; never stalls. Part
// of lm_ssm_unit. As the beginning of step_channel() of src/accel/numerics/ssm_unit.h.
//
// The state h, (1 - a) h and u B are brought to units of 2^exponent, with
//   exponent = max(state exponent + 15 - 28, u exponent + B exponent + 23 - 28)
// over all blocks of B and without terms that are 0. So a term goes to the left by 13, by 13 less
// the 7 that the exponent of 1 - a <= 1 is below 0, and by 5 at most: the amounts here are the
// shifts to the right that are left after those. They end at 31, where all is shifted out.
module lm_ssm_row #(
    parameter int unsigned BLOCKS = 2
) (
    input  logic clk_i,

    // Cycle 0.
    input  lm_types_pkg::scaled_t dt_i,
    input  logic signed [7:0]     complement_exponent_i,  // of 1 - a
    input  logic signed [7:0]     x_i,
    input  logic signed [7:0]     x_exponent_i,
    input  lm_types_pkg::skip_t   skip_i,
    input  logic signed [7:0]     state_exponent_i,
    input  logic [BLOCKS*8-1:0]   b_exponents_i,          // of all blocks
    input  logic signed [7:0]     b_exponent_i,           // of this block
    input  logic signed [7:0]     c_exponent_i,

    output logic signed [15:0] u_o,             // in cycle 1
    output logic signed [23:0] direct_o,        // D x, in cycle 2
    output logic signed [9:0]  direct_shift_o,  // in cycle 2, to fixed point
    output logic signed [10:0] exponent_o,      // in cycle 3
    output logic signed [10:0] y_shift_o,       // in cycle 4, of a sum over this block
    output logic [4:0]         kept_shift_o,    // in cycle 5
    output logic [4:0]         lost_shift_o,    // in cycle 5
    output logic [4:0]         added_shift_o    // in cycle 5
);
  // Of all sums of exponents.
  localparam int unsigned SUM_BITS = 11;
  localparam logic signed [7:0] ZERO_EXPONENT = lightmamba_pkg::ZERO_EXPONENT;
  localparam logic signed [SUM_BITS-1:0] ZERO = SUM_BITS'(ZERO_EXPONENT);
  localparam logic signed [SUM_BITS-1:0] KEPT_LEFT = 11'sd13;
  localparam logic signed [SUM_BITS-1:0] LOST_LEFT = 11'sd6;
  localparam logic signed [SUM_BITS-1:0] ADDED_LEFT = 11'sd5;
  localparam logic signed [9:0] FRACTION_BITS = 10'(lightmamba_pkg::FRACTION_BITS);
  // Of what C multiplies, to the right, and of y, to the left.
  localparam logic signed [SUM_BITS-1:0] Y_LEFT = 11'sd5 + SUM_BITS'(FRACTION_BITS);

  // 1
  logic signed [7:0] b_max_d;
  logic signed [SUM_BITS-1:0] u_exponent_q, b_max_q, b_exponent_q, state_exponent_q;
  logic signed [SUM_BITS-1:0] complement_base_q, c_base_q;
  logic is_b_q, is_state_q;
  logic signed [23:0] direct_q;
  logic signed [9:0] direct_exponent_q;

  always_comb begin
    b_max_d = b_exponents_i[7:0];
    for (int unsigned block = 1; block < BLOCKS; block++) begin
      if ($signed(b_exponents_i[block*8+:8]) > b_max_d) b_max_d = b_exponents_i[block*8+:8];
    end
  end

  always_ff @(posedge clk_i) begin
    // 8 bits of mantissa times 8 of code are 16 with sign.
    u_o <= 16'(17'($signed({1'b0, dt_i.mantissa})) * 17'(x_i));
    u_exponent_q <= SUM_BITS'($signed(dt_i.exponent)) + SUM_BITS'(x_exponent_i);
    b_max_q <= SUM_BITS'(b_max_d);
    is_b_q <= b_max_d != ZERO_EXPONENT;
    b_exponent_q <= SUM_BITS'(b_exponent_i);
    state_exponent_q <= SUM_BITS'(state_exponent_i);
    is_state_q <= state_exponent_i != ZERO_EXPONENT;
    complement_base_q <= SUM_BITS'(complement_exponent_i) - LOST_LEFT;
    c_base_q <= SUM_BITS'(c_exponent_i) + Y_LEFT;
    direct_q <= 24'($signed(skip_i.mantissa)) * 24'(x_i);
    direct_exponent_q <= 10'($signed(skip_i.exponent)) + 10'(x_exponent_i);
  end

  // 2
  logic signed [SUM_BITS-1:0] stepped_exponent_q, input_exponent_q, kept_base_q, lost_base_q,
      added_base_q, y_base_q;
  logic is_input_q;

  always_ff @(posedge clk_i) begin
    stepped_exponent_q <= is_state_q ? state_exponent_q - KEPT_LEFT : ZERO;
    input_exponent_q <= u_exponent_q + b_max_q - ADDED_LEFT;
    is_input_q <= is_b_q && u_o != 0;
    kept_base_q <= state_exponent_q - KEPT_LEFT;
    lost_base_q <= state_exponent_q + complement_base_q;
    added_base_q <= u_exponent_q + b_exponent_q - ADDED_LEFT;
    y_base_q <= c_base_q;
    direct_o <= direct_q;
    direct_shift_o <= -FRACTION_BITS - direct_exponent_q;
  end

  // 3
  logic signed [SUM_BITS-1:0] exponent_q, kept_base_2_q, lost_base_2_q, added_base_2_q, y_base_2_q;

  always_ff @(posedge clk_i) begin
    exponent_q <= is_input_q && input_exponent_q > stepped_exponent_q ? input_exponent_q
                                                                     : stepped_exponent_q;
    kept_base_2_q <= kept_base_q;
    lost_base_2_q <= lost_base_q;
    added_base_2_q <= added_base_q;
    y_base_2_q <= y_base_q;
  end

  assign exponent_o = exponent_q;

  // 4 and 5. No amount is negative but of a term of 0.
  function automatic logic [4:0] min_31(input logic [SUM_BITS-1:0] shift);
    min_31 = shift[4:0] | {5{|shift[SUM_BITS-1:5]}};
  endfunction

  logic signed [SUM_BITS-1:0] kept_q, lost_q, added_q;

  always_ff @(posedge clk_i) begin
    kept_q <= exponent_q - kept_base_2_q;
    lost_q <= exponent_q - lost_base_2_q;
    added_q <= exponent_q - added_base_2_q;
    y_shift_o <= -y_base_2_q - exponent_q;
    kept_shift_o <= min_31(kept_q);
    lost_shift_o <= min_31(lost_q);
    added_shift_o <= min_31(added_q);
  end
endmodule

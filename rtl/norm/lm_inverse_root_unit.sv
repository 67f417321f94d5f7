// 1 / sqrt(sum) with a mantissa of 2^15 ... 2^16; zero of zero. One sum per cycle, 6 cycles of
// latency. As inverse_root() of src/accel/numerics/functions.h.
`include "lm_assert.svh"

module lm_inverse_root_unit (
    input  logic        clk_i,
    input  logic        rst_ni,
    input  logic        in_valid_i,
    output logic        in_ready_o,
    input  logic [63:0] in_sum_i,
    output logic        out_valid_o,
    input  logic        out_ready_i,
    output logic [lightmamba_pkg::ROOT_BITS-1:0] out_mantissa_o,
    output logic signed [lightmamba_pkg::EXPONENT_BITS-1:0] out_exponent_o
);
  localparam int unsigned EXPONENT_BITS = lightmamba_pkg::EXPONENT_BITS;
  localparam logic signed [7:0] ZERO_EXPONENT = lightmamba_pkg::ZERO_EXPONENT;
  localparam int unsigned ROOT_BITS = lightmamba_pkg::ROOT_BITS;

  localparam int unsigned F_BITS = 24;  // sum = f 4^quarters, f in [1, 4)
  localparam int unsigned REST_BITS = F_BITS - 9;
  localparam int unsigned FALL_BITS = 8;

  logic advance;

  lm_pipeline #(.CYCLES(6)) u_pipeline (
      .clk_i,
      .rst_ni,
      .in_valid_i,
      .in_ready_o,
      .advance_o(advance),
      .out_valid_o,
      .out_ready_i
  );

  logic [31:0] is_pair;
  logic [4:0] zeros, zeros_1_q, zeros_5;
  logic is_zero, is_zero_1_q, is_zero_5;
  logic [63:0] sum_1_q;
  logic [F_BITS-1:0] f_2_q;
  logic [REST_BITS-1:0] rest_4;

  for (genvar i = 0; i < 32; i++) begin : gen_pair
    assign is_pair[i] = |in_sum_i[2*i+:2];
  end

  lm_leading_zeros #(.BITS(32)) u_leading_zeros (
      .x_i      (is_pair),
      .count_o  (zeros),
      .is_zero_o(is_zero)
  );

  always_ff @(posedge clk_i) begin
    if (advance) begin
      zeros_1_q   <= zeros;
      is_zero_1_q <= is_zero;
      sum_1_q     <= in_sum_i;
      f_2_q       <= F_BITS'((sum_1_q << {zeros_1_q, 1'b0}) >> (64 - F_BITS));
    end
  end

  logic [1:0] upper;  // f / 2^22 - 1: the table begins at 1
  logic [ROOT_BITS-1:0] entry, entry_5_q;
  logic [FALL_BITS-1:0] fall;
  logic [FALL_BITS+REST_BITS-1:0] fall_5_q;

  assign upper = f_2_q[F_BITS-1-:2] - 2'd1;

  lm_inverse_root_rom u_inverse_root_rom (
      .clk_i,
      .advance_i(advance),
      .index_i  ({upper, f_2_q[F_BITS-3:REST_BITS]}),
      .entry_o  (entry),
      .fall_o   (fall)
  );

  lm_shift_register #(.BITS(REST_BITS), .CYCLES(2)) u_delay_rest (
      .clk_i,
      .advance_i(advance),
      .x_i      (f_2_q[REST_BITS-1:0]),
      .y_o      (rest_4)
  );

  lm_shift_register #(.BITS(6), .CYCLES(4)) u_delay_zeros (
      .clk_i,
      .advance_i(advance),
      .x_i      ({is_zero_1_q, zeros_1_q}),
      .y_o      ({is_zero_5, zeros_5})
  );

  always_ff @(posedge clk_i) begin
    if (advance) begin
      entry_5_q <= entry;
      fall_5_q  <= (FALL_BITS + REST_BITS)'(fall) * (FALL_BITS + REST_BITS)'(rest_4);
      if (is_zero_5) begin
        out_mantissa_o <= '0;
        out_exponent_o <= ZERO_EXPONENT;
      end else begin
        out_mantissa_o <= entry_5_q - ROOT_BITS'(fall_5_q >> REST_BITS);
        out_exponent_o <= EXPONENT_BITS'(zeros_5) - 8'sd47;
      end
    end
  end

  `LM_ASSERT_STREAM(out_holds, out_valid_o, out_ready_i, {out_mantissa_o, out_exponent_o})
endmodule

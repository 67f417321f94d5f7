// The sum of the squares of a vector, each 2^-SHIFT rounded down, and epsilon. One beat of LANES
// values per cycle; 5 cycles from the last beat to the sum. Epsilon is constant while there is
// work. As sum_of_squares() of src/accel/numerics/norm_unit.h.
`include "lm_assert.svh"

module lm_sum_of_squares_unit #(
    parameter int unsigned LANES = 4,  // at most 16
    parameter int unsigned IN_BITS = 26,
    parameter int unsigned SHIFT = 0
) (
    input  logic                     clk_i,
    input  logic                     rst_ni,
    input  logic [63:0]              epsilon_i,
    input  logic                     in_valid_i,
    output logic                     in_ready_o,
    input  logic                     in_last_i,  // of the vector
    input  logic [LANES*IN_BITS-1:0] in_values_i,
    output logic                     out_valid_o,
    input  logic                     out_ready_i,
    output logic [63:0]              out_sum_o
);
  localparam int unsigned PRODUCT_BITS = 2 * IN_BITS;
  localparam int unsigned SQUARE_BITS = PRODUCT_BITS - 1 - SHIFT;  // (-2^(n - 1))^2 = 2^(2n - 2)
  localparam int unsigned GROUPS = (LANES + 3) / 4;
  localparam int unsigned GROUP_BITS = SQUARE_BITS + 2;
  localparam int unsigned TOTAL_BITS = SQUARE_BITS + 4;

  logic advance, total_valid, total_ready, total_last;

  lm_pipeline #(.CYCLES(4)) u_pipeline (
      .clk_i,
      .rst_ni,
      .in_valid_i,
      .in_ready_o,
      .advance_o  (advance),
      .out_valid_o(total_valid),
      .out_ready_i(total_ready)
  );

  lm_shift_register #(.BITS(1), .CYCLES(4)) u_delay (
      .clk_i,
      .advance_i(advance),
      .x_i      (in_last_i),
      .y_o      (total_last)
  );

  logic [LANES*PRODUCT_BITS-1:0] product_q;
  logic [LANES*SQUARE_BITS-1:0] square_q;
  logic [4*GROUPS*SQUARE_BITS-1:0] squares;
  logic [GROUPS*GROUP_BITS-1:0] group_q;
  logic [4*GROUP_BITS-1:0] groups;
  logic [TOTAL_BITS-1:0] total_q;

  // With zeros for what there is not.
  assign squares = (4 * GROUPS * SQUARE_BITS)'(square_q);
  assign groups  = (4 * GROUP_BITS)'(group_q);

  for (genvar lane = 0; lane < LANES; lane++) begin : gen_square
    logic signed [IN_BITS-1:0] x;
    assign x = in_values_i[lane*IN_BITS+:IN_BITS];
    always_ff @(posedge clk_i) begin
      if (advance) begin
        product_q[lane*PRODUCT_BITS+:PRODUCT_BITS] <= PRODUCT_BITS'(x) * PRODUCT_BITS'(x);
        square_q[lane*SQUARE_BITS+:SQUARE_BITS] <=
            SQUARE_BITS'(product_q[lane*PRODUCT_BITS+:PRODUCT_BITS] >> SHIFT);
      end
    end
  end

  for (genvar group = 0; group < GROUPS; group++) begin : gen_group
    always_ff @(posedge clk_i) begin
      if (advance) begin
        group_q[group*GROUP_BITS+:GROUP_BITS] <=
            (GROUP_BITS'(squares[4*group*SQUARE_BITS+:SQUARE_BITS]) +
             GROUP_BITS'(squares[(4*group+1)*SQUARE_BITS+:SQUARE_BITS])) +
            (GROUP_BITS'(squares[(4*group+2)*SQUARE_BITS+:SQUARE_BITS]) +
             GROUP_BITS'(squares[(4*group+3)*SQUARE_BITS+:SQUARE_BITS]));
      end
    end
  end

  always_ff @(posedge clk_i) begin
    if (advance) begin
      total_q <= (TOTAL_BITS'(groups[0*GROUP_BITS+:GROUP_BITS]) +
                  TOTAL_BITS'(groups[1*GROUP_BITS+:GROUP_BITS])) +
                 (TOTAL_BITS'(groups[2*GROUP_BITS+:GROUP_BITS]) +
                  TOTAL_BITS'(groups[3*GROUP_BITS+:GROUP_BITS]));
    end
  end

  logic is_first_q;
  logic [63:0] running_q, running_d;

  assign total_ready = out_ready_i || !out_valid_o;
  assign running_d = (is_first_q ? epsilon_i : running_q) + 64'(total_q);

  always_ff @(posedge clk_i) begin
    if (!rst_ni) begin
      is_first_q  <= 1'b1;
      out_valid_o <= 1'b0;
    end else if (total_ready) begin
      out_valid_o <= total_valid && total_last;
      if (total_valid) is_first_q <= total_last;
    end
    if (total_ready && total_valid) begin
      running_q <= running_d;
      if (total_last) out_sum_o <= running_d;
    end
  end

  `LM_ASSERT_STREAM(out_holds, out_valid_o, out_ready_i, out_sum_o)
endmodule

// y of each row: the products of h and C summed over each block and brought to fixed point, and D
// x. A beat of products each cycle; never stalls. Part of lm_ssm_unit. As the end of step_channel()
// of src/accel/numerics/ssm_unit.h.
module lm_ssm_output #(
    parameter int unsigned LANES = 4,
    parameter int unsigned BLOCK = 64
) (
    input  logic clk_i,
    input  logic rst_ni,

    // Cycle 0: a beat.
    input  logic                valid_i,
    input  logic                first_i,  // of its row
    input  logic                last_i,
    input  logic                first_of_block_i,
    input  logic                last_of_block_i,
    input  logic [LANES*33-1:0] products_i,

    // Cycle -7 and -9, with the beat that is 7 and 9 cycles later at the products.
    input  logic signed [10:0] shift_i,
    input  logic signed [23:0] direct_i,
    input  logic signed [9:0]  direct_shift_i,

    output logic               valid_o,
    output logic signed [31:0] y_o
);
  localparam int unsigned SHIFT_EARLY = 7;
  localparam int unsigned DIRECT_EARLY = 9;
  localparam int unsigned RESCALE_STAGES = 5;
  localparam int unsigned TREE_STAGES = LANES > 1 ? ($clog2(LANES) + 1) / 2 : 1;
  localparam int unsigned BLOCK_SUM_BITS = 33 + $clog2(BLOCK);
  localparam int unsigned VALUE_BITS = 40;
  localparam int unsigned Y_BITS = lightmamba_pkg::OUTPUT_BITS;
  // A row has a value of each block and one of D x.
  localparam int unsigned SUM_BITS = VALUE_BITS + 5;
  // From the products to the sums of blocks, and to their values.
  localparam int unsigned BLOCK_STAGES = TREE_STAGES + 1;
  localparam int unsigned VALUE_STAGES = BLOCK_STAGES + RESCALE_STAGES;

  // The sum over a block.
  logic signed [BLOCK_SUM_BITS-1:0] beat_sum, block_sum_q;
  logic first_of_block;

  lm_lane_sum #(
      .LANES   (LANES),
      .BITS    (33),
      .SUM_BITS(BLOCK_SUM_BITS)
  ) u_beat_sum (
      .clk_i,
      .numbers_i(products_i),
      .sum_o    (beat_sum)
  );

  lm_shift_register #(
      .BITS  (1),
      .CYCLES(TREE_STAGES)
  ) u_first_of_block (
      .clk_i,
      .advance_i(1'b1),
      .x_i      (first_of_block_i),
      .y_o      (first_of_block)
  );

  logic [VALUE_STAGES-1:0] valid_q;
  always_ff @(posedge clk_i) begin
    if (!rst_ni) valid_q <= '0;
    else valid_q <= {valid_q[VALUE_STAGES-2:0], valid_i};
  end

  always_ff @(posedge clk_i) begin
    if (valid_q[TREE_STAGES-1]) begin
      block_sum_q <= first_of_block ? beat_sum : block_sum_q + beat_sum;
    end
  end

  // To fixed point.
  logic signed [10:0] shift;
  logic signed [23:0] direct;
  logic signed [9:0] direct_shift;
  logic signed [VALUE_BITS-1:0] block_value, direct_value;

  lm_shift_register #(
      .BITS  (11),
      .CYCLES(SHIFT_EARLY + BLOCK_STAGES)
  ) u_shift (
      .clk_i,
      .advance_i(1'b1),
      .x_i      (shift_i),
      .y_o      (shift)
  );

  lm_shift_register #(
      .BITS  (24 + 10),
      .CYCLES(DIRECT_EARLY + BLOCK_STAGES)
  ) u_direct (
      .clk_i,
      .advance_i(1'b1),
      .x_i      ({direct_i, direct_shift_i}),
      .y_o      ({direct, direct_shift})
  );

  lm_rescale_pipeline #(
      .IN_BITS   (BLOCK_SUM_BITS),
      .OUT_BITS  (VALUE_BITS),
      .SHIFT_BITS(11)
  ) u_block_value (
      .clk_i,
      .x_i    (block_sum_q),
      .shift_i(shift),
      .y_o    (block_value)
  );

  lm_rescale_pipeline #(
      .IN_BITS   (24),
      .OUT_BITS  (VALUE_BITS),
      .SHIFT_BITS(10)
  ) u_direct_value (
      .clk_i,
      .x_i    (direct),
      .shift_i(direct_shift),
      .y_o    (direct_value)
  );

  // The sum over a row. The last beat of a block has its value.
  logic [2:0] value_tags;
  logic is_of_first_block, last, last_of_block, is_last_q;
  logic signed [SUM_BITS-1:0] sum_q;
  logic is_inside;

  // The first beat may be long before the last of its block.
  logic is_of_first_block_d, is_of_first_block_q;
  assign is_of_first_block_d = first_i || (is_of_first_block_q && !first_of_block_i);
  always_ff @(posedge clk_i) if (valid_i) is_of_first_block_q <= is_of_first_block_d;

  lm_shift_register #(
      .BITS  (3),
      .CYCLES(VALUE_STAGES)
  ) u_value_tags (
      .clk_i,
      .advance_i(1'b1),
      .x_i      ({is_of_first_block_d, last_i, last_of_block_i}),
      .y_o      (value_tags)
  );

  assign {is_of_first_block, last, last_of_block} = value_tags;
  assign is_inside = &sum_q[SUM_BITS-1:Y_BITS-1] || !(|sum_q[SUM_BITS-1:Y_BITS-1]);

  always_ff @(posedge clk_i) begin
    if (valid_q[VALUE_STAGES-1] && last_of_block) begin
      sum_q <= (is_of_first_block ? SUM_BITS'(direct_value) : sum_q) + SUM_BITS'(block_value);
    end
    y_o <= is_inside ? sum_q[Y_BITS-1:0] : {sum_q[SUM_BITS-1], {(Y_BITS - 1) {~sum_q[SUM_BITS-1]}}};
  end

  always_ff @(posedge clk_i) begin
    if (!rst_ni) begin
      is_last_q <= 1'b0;
      valid_o <= 1'b0;
    end else begin
      is_last_q <= valid_q[VALUE_STAGES-1] && last;
      valid_o <= is_last_q;
    end
  end
endmodule

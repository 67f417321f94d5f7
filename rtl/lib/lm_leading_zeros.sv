// Zeros above the uppermost one. Combinational, a tree.
module lm_leading_zeros #(
    parameter int unsigned BITS = 48,
    parameter int unsigned COUNT_BITS = $clog2(BITS)
) (
    input  logic [BITS-1:0]       x_i,
    output logic [COUNT_BITS-1:0] count_o,  // of no meaning where x is zero
    output logic                  is_zero_o
);
  localparam int unsigned LEAVES = 2 ** COUNT_BITS;

  for (genvar level = 0; level <= COUNT_BITS; level++) begin : gen_level
    localparam int unsigned NODES = LEAVES >> level;
    logic [NODES-1:0] any;
    logic [NODES*COUNT_BITS-1:0] count;

    if (level == 0) begin : gen_leaves
      assign any   = LEAVES'(x_i) << (LEAVES - BITS);
      assign count = '0;
    end else begin : gen_nodes
      for (genvar n = 0; n < NODES; n++) begin : gen_node
        logic [COUNT_BITS-1:0] upper, lower;
        assign upper = gen_level[level-1].count[(2*n+1)*COUNT_BITS+:COUNT_BITS];
        assign lower = gen_level[level-1].count[2*n*COUNT_BITS+:COUNT_BITS];
        assign count[n*COUNT_BITS+:COUNT_BITS] =
            gen_level[level-1].any[2*n+1] ? upper : lower | (COUNT_BITS'(1) << (level - 1));
        assign any[n] = |gen_level[level-1].any[2*n+:2];
      end
    end
  end

  assign count_o   = gen_level[COUNT_BITS].count;
  assign is_zero_o = ~gen_level[COUNT_BITS].any;
endmodule

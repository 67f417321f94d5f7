// The sum of INPUTS (a power of two) signed words, each cycle. log2(INPUTS) cycles: there is a
// register after each adder, in the same slice. Without them, synthesis makes compressors of
// several levels, which take more than twice as many LUTs.
module lm_adder_tree #(
    parameter int unsigned INPUTS = 8,
    parameter int unsigned IN_BITS = 8,
    parameter int unsigned OUT_BITS = 11
) (
    input  logic                       clk_i,
    input  logic [INPUTS*IN_BITS-1:0]  words_i,
    output logic signed [OUT_BITS-1:0] sum_o
);
  localparam int unsigned LEVELS = $clog2(INPUTS);

  // As a heap: node i is the sum of nodes 2 i and 2 i + 1, node 1 that of all.
  // Above its sum, a node has copies of the sign, which the next one does not read.
  // verilator lint_off UNUSED
  logic [2*INPUTS*OUT_BITS-1:OUT_BITS] nodes /* verilator split_var */;
  // verilator lint_on UNUSED

  if (LEVELS == 0) begin : gen_wire
    // The clock has nothing to do here.
    logic unused_clk;
    assign unused_clk = clk_i;
  end

  for (genvar i = 0; i < INPUTS; i++) begin : gen_leaf
    assign nodes[(INPUTS+i)*OUT_BITS+:OUT_BITS] = OUT_BITS'(signed'(words_i[i*IN_BITS+:IN_BITS]));
  end

  for (genvar i = 1; i < INPUTS; i++) begin : gen_node
    localparam int unsigned LEVEL = LEVELS + 1 - $clog2(i + 1);  // leaves are at 0
    // Only the bits that such a sum has.
    localparam int unsigned BITS = IN_BITS + LEVEL < OUT_BITS ? IN_BITS + LEVEL : OUT_BITS;
    logic signed [BITS-1:0] sum, sum_q;
    assign sum = signed'(nodes[2*i*OUT_BITS+:BITS]) + signed'(nodes[(2*i+1)*OUT_BITS+:BITS]);
    always_ff @(posedge clk_i) sum_q <= sum;
    assign nodes[i*OUT_BITS+:OUT_BITS] = OUT_BITS'(sum_q);
  end

  assign sum_o = nodes[OUT_BITS+:OUT_BITS];
endmodule

// Zeros above the uppermost one. Combinational, a tree.
module leading_zeros #(
    parameter int unsigned BITS = 48,
    parameter int unsigned COUNT_BITS = $clog2(BITS)
) (
    input  logic [BITS-1:0] x_i,
    output logic [COUNT_BITS-1:0] count_o,  // of no meaning where x is zero
    output logic is_zero_o
);
  localparam int unsigned LEAVES = 2 ** COUNT_BITS;

  logic [LEAVES-1:0] any;
  logic [LEAVES-1:0][COUNT_BITS-1:0] count;

  // Nodes of a level overwrite those below them that both children have been read.
  always_comb begin
    any   = LEAVES'(x_i) << (LEAVES - BITS);
    count = '0;
    for (int level = 0; level < int'(COUNT_BITS); ++level) begin
      for (int n = 0; n < (int'(LEAVES) >> (level + 1)); ++n) begin
        count[n] = any[2*n+1] ? count[2*n+1] : count[2*n] | (COUNT_BITS'(1) << level);
        any[n]   = any[2*n+1] | any[2*n];
      end
    end
  end

  assign count_o   = count[0];
  assign is_zero_o = ~any[0];
endmodule

// y is x of CYCLES cycles in which the stages moved ago.
module delay #(
    parameter int unsigned BITS = 8,
    parameter int unsigned CYCLES = 2
) (
    input  logic clk_i,
    input  logic advance_i,
    input  logic [BITS-1:0] x_i,
    output logic [BITS-1:0] y_o
);
  logic [CYCLES*BITS-1:0] line_q;

  assign y_o = line_q[(CYCLES-1)*BITS+:BITS];

  always_ff @(posedge clk_i) begin
    if (advance_i) line_q <= (CYCLES * BITS)'({line_q, x_i});
  end
endmodule

// data_o is data_i of CYCLES cycles ago. Never stalls and has no reset, so it can be made of shift
// register LUTs.
module shift_delay #(
    parameter int unsigned WIDTH = 8,
    parameter int unsigned CYCLES = 1
) (
    input  logic             clk_i,
    input  logic [WIDTH-1:0] data_i,
    output logic [WIDTH-1:0] data_o
);
  logic [CYCLES*WIDTH-1:0] data_q;

  always_ff @(posedge clk_i) data_q <= (CYCLES * WIDTH)'({data_q, data_i});

  assign data_o = data_q[(CYCLES-1)*WIDTH+:WIDTH];
endmodule

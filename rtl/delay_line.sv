// Data CYCLES cycles later. Without reset, so that it becomes shift register LUTs.
module delay_line #(
    parameter int unsigned BITS = 8,
    parameter int unsigned CYCLES = 4
) (
    input  logic            clk_i,
    input  logic [BITS-1:0] data_i,
    output logic [BITS-1:0] data_o
);
  if (CYCLES == 0) begin : gen_wire
    // The clock has nothing to do here.
    logic unused_clk;
    assign unused_clk = clk_i;
    assign data_o = data_i;
  end else begin : gen_line
    logic [CYCLES*BITS-1:0] line_q;
    always_ff @(posedge clk_i) line_q <= (CYCLES * BITS)'({line_q, data_i});
    assign data_o = line_q[(CYCLES-1)*BITS+:BITS];
  end
endmodule

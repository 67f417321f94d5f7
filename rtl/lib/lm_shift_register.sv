// y is x of CYCLES cycles in which advance_i was high ago. Without reset, so that it becomes shift
// register LUTs.
module lm_shift_register #(
    parameter int unsigned BITS = 8,
    parameter int unsigned CYCLES = 2
) (
    input  logic            clk_i,
    input  logic            advance_i,
    input  logic [BITS-1:0] x_i,
    output logic [BITS-1:0] y_o
);
  if (CYCLES == 0) begin : gen_wire
    // The clock has nothing to do here.
    logic unused;
    assign unused = &{clk_i, advance_i};
    assign y_o = x_i;
  end else begin : gen_line
    logic [CYCLES*BITS-1:0] line_q;

    assign y_o = line_q[(CYCLES-1)*BITS+:BITS];

    always_ff @(posedge clk_i) begin
      if (advance_i) line_q <= (CYCLES * BITS)'({line_q, x_i});
    end
  end
endmodule

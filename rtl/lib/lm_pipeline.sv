// Valid bits of CYCLES stages that move together: all stop when the last one waits.
module lm_pipeline #(
    parameter int unsigned CYCLES = 2
) (
    input  logic clk_i,
    input  logic rst_ni,
    input  logic in_valid_i,
    output logic in_ready_o,
    output logic advance_o,  // of the stages' registers
    output logic out_valid_o,
    input  logic out_ready_i
);
  logic [CYCLES-1:0] valid_q;

  assign out_valid_o = valid_q[CYCLES-1];
  assign advance_o   = out_ready_i || !out_valid_o;
  assign in_ready_o  = advance_o;

  always_ff @(posedge clk_i) begin
    if (!rst_ni) valid_q <= '0;
    else if (advance_o) valid_q <= CYCLES'({valid_q, in_valid_i});
  end
endmodule

// COUNT items of a stream to one, the first lowest; at most one item per cycle, no cycle lost.
`include "lm_assert.svh"

module lm_serial_to_parallel #(
    parameter int unsigned BITS = 4,
    parameter int unsigned COUNT = 32
) (
    input  logic                  clk_i,
    input  logic                  rst_ni,
    input  logic                  in_valid_i,
    output logic                  in_ready_o,
    input  logic [BITS-1:0]       in_data_i,
    output logic                  out_valid_o,
    input  logic                  out_ready_i,
    output logic [COUNT*BITS-1:0] out_data_o
);
  localparam int unsigned COUNT_BITS = $clog2(COUNT + 1);

  logic [COUNT_BITS-1:0] count_q;
  logic in_fire, out_fire;

  assign out_valid_o = count_q == COUNT_BITS'(COUNT);
  assign in_ready_o  = !out_valid_o || out_ready_i;
  assign in_fire     = in_valid_i && in_ready_o;
  assign out_fire    = out_valid_o && out_ready_i;

  always_ff @(posedge clk_i) begin
    if (!rst_ni) count_q <= '0;
    else count_q <= (out_fire ? '0 : count_q) + COUNT_BITS'(in_fire);
  end

  if (COUNT == 1) begin : gen_one
    always_ff @(posedge clk_i) begin
      if (in_fire) out_data_o <= in_data_i;
    end
  end else begin : gen_many
    always_ff @(posedge clk_i) begin
      if (in_fire) out_data_o <= {in_data_i, out_data_o[COUNT*BITS-1:BITS]};
    end
  end

  `LM_ASSERT_STREAM(out_holds, out_valid_o, out_ready_i, out_data_o)
endmodule

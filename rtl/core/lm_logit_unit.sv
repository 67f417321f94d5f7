// The first of the largest logits, and all logits in pairs for memory, if they are wanted.
`include "lm_assert.svh"

module lm_logit_unit #(
    parameter int unsigned COUNT_BITS = 20
) (
    input  logic                  clk_i,
    input  logic                  rst_ni,
    input  logic                  start_i,
    input  logic                  write_logits_i,  // steady while there is work
    input  logic [COUNT_BITS-1:0] count_i,         // of logits, steady
    input  logic                  in_valid_i,
    output logic                  in_ready_o,
    input  logic signed [lightmamba_pkg::LOGIT_BITS-1:0] in_logit_i,
    output logic                  out_valid_o,
    input  logic                  out_ready_i,
    output logic [63:0]           out_pair_o,
    output logic                  done_o,          // all have come and are given on
    output logic [31:0]           token_o,
    output logic signed [lightmamba_pkg::LOGIT_BITS-1:0] logit_o
);
  logic [COUNT_BITS-1:0] index_q;
  logic is_odd, is_last, in_fire, holds_q;
  logic [63:0] pair_q;

  assign is_odd      = index_q[0];
  assign is_last     = index_q == count_i - COUNT_BITS'(1);
  assign out_valid_o = holds_q;
  assign out_pair_o  = pair_q;
  assign in_ready_o  = !holds_q || out_ready_i;
  assign in_fire     = in_valid_i && in_ready_o;
  assign done_o      = index_q == count_i && !holds_q;

  always_ff @(posedge clk_i) begin
    if (in_fire) begin
      if (is_odd) pair_q[63:32] <= in_logit_i;
      else pair_q <= {32'b0, in_logit_i};
      if (index_q == '0 || in_logit_i > logit_o) begin
        token_o <= 32'(index_q);
        logit_o <= in_logit_i;
      end
    end
  end

  always_ff @(posedge clk_i) begin
    if (!rst_ni) holds_q <= 1'b0;
    else holds_q <= (in_fire && write_logits_i && (is_odd || is_last)) || (holds_q && !out_ready_i);
    if (start_i) index_q <= '0;
    else if (in_fire) index_q <= index_q + COUNT_BITS'(1);
  end

  `LM_ASSERT_STREAM(out_holds, out_valid_o, out_ready_i, out_pair_o)
  `LM_ASSERT(takes_no_more_than_it_counts, !in_fire || index_q < count_i)
endmodule

// Butterflies of values that lie HALF apart: of each 2 HALF values, first a + b of all pairs, then
// a - b of all. All registers move when step_i; between two blocks there may be steps without a
// value, within a block not. Latency: HALF + 1 steps, or 1 where bypassed.
module lm_htu_stage #(
    parameter int unsigned HALF = 64,     // a power of two
    parameter int unsigned IN_BITS = 26
) (
    input  logic                      clk_i,
    input  logic                      rst_ni,
    input  logic                      step_i,
    input  logic                      bypass_i,  // steady while values are inside
    input  logic                      valid_i,
    input  logic signed [IN_BITS-1:0] x_i,
    output logic                      valid_o,
    output logic signed [IN_BITS:0]   y_o
);
  localparam int unsigned COUNT_BITS = $clog2(2 * HALF);

  logic signed [IN_BITS:0] delay_q[HALF];  // a's, then differences
  logic signed [IN_BITS:0] x, delayed;
  logic [COUNT_BITS-1:0] count_q;      // of the block's values
  logic [COUNT_BITS-1:0] pending_q;    // differences that still have to come out
  logic is_second, is_block_end;

  assign x = (IN_BITS + 1)'(x_i);
  assign delayed = delay_q[HALF-1];
  assign is_second = valid_i && count_q[COUNT_BITS-1];
  assign is_block_end = valid_i && (&count_q);

  always_ff @(posedge clk_i) begin
    if (step_i) begin
      delay_q[0] <= is_second ? delayed - x : x;
      for (int unsigned i = 1; i < HALF; i++) delay_q[i] <= delay_q[i-1];
    end
  end

  always_ff @(posedge clk_i) begin
    if (step_i) y_o <= bypass_i ? x : is_second ? delayed + x : delayed;
  end

  always_ff @(posedge clk_i) begin
    if (!rst_ni) begin
      valid_o   <= 1'b0;
      count_q   <= '0;
      pending_q <= '0;
    end else if (step_i) begin
      if (bypass_i) begin
        valid_o <= valid_i;
      end else begin
        valid_o <= is_second || pending_q != '0;
        count_q <= count_q + COUNT_BITS'(valid_i);
        if (is_block_end) pending_q <= COUNT_BITS'(HALF);
        else if (pending_q != '0) pending_q <= pending_q - COUNT_BITS'(1);
      end
    end
  end
endmodule

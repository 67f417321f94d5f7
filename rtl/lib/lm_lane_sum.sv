// The sum of LANES numbers, four into one per cycle: a sum each cycle, after $clog2(LANES) / 2
// cycles, rounded up and at least one. Never stalls.
module lm_lane_sum #(
    parameter int unsigned LANES = 4,
    parameter int unsigned BITS = 32,
    parameter int unsigned SUM_BITS = BITS + $clog2(LANES)
) (
    input  logic                       clk_i,
    input  logic [LANES*BITS-1:0]      numbers_i,
    output logic signed [SUM_BITS-1:0] sum_o
);
  localparam int unsigned LEVELS = LANES > 1 ? ($clog2(LANES) + 1) / 2 : 1;

  for (genvar level = 0; level < LEVELS; level++) begin : gen_level
    localparam int unsigned ADDENDS = (LANES + 4 ** level - 1) / 4 ** level;
    localparam int unsigned SUMS = (ADDENDS + 3) / 4;
    localparam int unsigned ADDEND_BITS = level == 0 ? BITS : SUM_BITS;
    logic [ADDENDS*ADDEND_BITS-1:0] addends;
    logic [SUMS*SUM_BITS-1:0] sums_d, sums_q;

    if (level == 0) assign addends = numbers_i;
    else assign addends = gen_level[level-1].sums_q;

    always_comb begin
      sums_d = '0;
      for (int unsigned i = 0; i < ADDENDS; i++) begin
        sums_d[(i/4)*SUM_BITS+:SUM_BITS] = sums_d[(i/4)*SUM_BITS+:SUM_BITS] +
            SUM_BITS'($signed(addends[i*ADDEND_BITS+:ADDEND_BITS]));
      end
    end

    always_ff @(posedge clk_i) sums_q <= sums_d;
  end

  assign sum_o = gen_level[LEVELS-1].sums_q;
endmodule

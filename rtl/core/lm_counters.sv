// The counters of a token (docs/memory-map.md): cycles, and those in which the units work or wait.
module lm_counters (
    input  logic                        clk_i,
    input  logic                        start_i,       // all are 0 in the next cycle
    input  logic                        is_running_i,  // otherwise they stay
    input  lm_types_pkg::mmu_activity_t mmu_i,
    input  lm_types_pkg::ssm_activity_t ssm_i,
    output logic [8*64-1:0]             counters_o
);
  logic [7:0] counts;

  assign counts = {ssm_i, mmu_i, 1'b1};

  for (genvar k = 0; k < 8; k++) begin : gen_counter
    logic [63:0] count_q;
    assign counters_o[64*k+:64] = count_q;
    always_ff @(posedge clk_i) begin
      if (start_i) count_q <= '0;
      else if (is_running_i && counts[k]) count_q <= count_q + 64'd1;
    end
  end
endmodule

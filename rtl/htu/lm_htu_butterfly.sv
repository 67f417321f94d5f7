// Walsh-Hadamard transforms of 2^log2_n values each, not normalised, natural order in and out: the
// butterflies of hadamard_transform() of src/accel/numerics/htu.h. One value per cycle,
// chunks back to back; what is inside comes out without further input. From the first value of a
// chunk to its first result 2^log2_n + 7 cycles (MAX_N = 128).
`include "lm_assert.svh"

module lm_htu_butterfly #(
    parameter int unsigned MAX_N = 128,    // a power of two
    parameter int unsigned IN_BITS = 26,
    parameter int unsigned STAGES = $clog2(MAX_N),
    parameter int unsigned LOG2_N_BITS = $clog2(STAGES + 1),
    parameter int unsigned OUT_BITS = IN_BITS + STAGES
) (
    input  logic                       clk_i,
    input  logic                       rst_ni,
    input  logic [LOG2_N_BITS-1:0]     log2_n_i,  // 1 ... STAGES, steady while values are inside
    input  logic                       x_valid_i,
    output logic                       x_ready_o,
    input  logic signed [IN_BITS-1:0]  x_i,
    output logic                       y_valid_o,
    input  logic                       y_ready_i,
    output logic signed [OUT_BITS-1:0] y_o
);
  // All that the delays and the registers hold.
  localparam int unsigned INSIDE_BITS = $clog2(MAX_N + STAGES + 1);

  logic [OUT_BITS-1:0] result;
  logic step, accept, push, has_room;
  logic [STAGES-1:0] index_q, index_mask;  // within the chunk
  logic [INSIDE_BITS-1:0] inside_q;
  logic [STAGES:0] stage_valid;
  // Value s, before stage s, has IN_BITS + s bits.
  logic [(STAGES+1)*IN_BITS+STAGES*(STAGES+1)/2-1:0] stage_values;

  assign x_ready_o = has_room;
  assign accept = x_valid_i && has_room;
  // Without a value only between chunks.
  assign step = accept || (has_room && index_q == '0 && inside_q != '0);
  assign push = step && stage_valid[STAGES];
  assign index_mask = ~({STAGES{1'b1}} << log2_n_i);

  always_ff @(posedge clk_i) begin
    if (!rst_ni) begin
      index_q  <= '0;
      inside_q <= '0;
    end else begin
      index_q  <= (index_q + STAGES'(accept)) & index_mask;
      inside_q <= inside_q + INSIDE_BITS'(accept) - INSIDE_BITS'(push);
    end
  end

  assign stage_valid[0] = accept;
  assign stage_values[IN_BITS-1:0] = x_i;

  // The longest delay first, where values are shortest.
  for (genvar s = 0; s < STAGES; s++) begin : gen_stage
    localparam int unsigned BITS = IN_BITS + s;
    localparam int unsigned PLACE = s * IN_BITS + s * (s - 1) / 2;
    logic signed [BITS-1:0] x;
    logic signed [BITS:0] y;

    assign x = stage_values[PLACE+:BITS];

    lm_htu_stage #(
        .HALF   (MAX_N >> (s + 1)),
        .IN_BITS(BITS)
    ) u_stage (
        .clk_i,
        .rst_ni,
        .step_i  (step),
        .bypass_i(log2_n_i < LOG2_N_BITS'(STAGES - s)),
        .valid_i (stage_valid[s]),
        .x_i     (x),
        .valid_o (stage_valid[s+1]),
        .y_o     (y)
    );

    assign stage_values[PLACE+BITS+:BITS+1] = y;
  end

  assign y_o = signed'(result);

  // Keeps y_ready_i away from the step of all registers.
  lm_credit_fifo #(
      .WIDTH(OUT_BITS),
      .DEPTH(4)
  ) u_results (
      .clk_i,
      .rst_ni,
      .has_room_o(has_room),
      .reserve_i (push),
      .push_i    (push),
      .data_i    (stage_values[$high(stage_values)-:OUT_BITS]),
      .valid_o   (y_valid_o),
      .ready_i   (y_ready_i),
      .data_o    (result)
  );

  `LM_ASSERT(values_have_places, inside_q <= INSIDE_BITS'(MAX_N + STAGES))
endmodule

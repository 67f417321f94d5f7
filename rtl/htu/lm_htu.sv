// HTU: x = (H_m (x) H_n) x, not normalised, as hadamard_transform() of
// src/accel/numerics/htu.h. One vector of m 2^log2_n values at a time: they are taken,
// then the results come out; the next vector may start when all are out. Throughput: see
// lm_htu_mix.
//
// Bit `to` of word `from` of the signs is 1 where H_m[to][from] is -1.
module lm_htu #(
    parameter int unsigned MAX_M = 40,
    parameter int unsigned MAX_N = 128,      // a power of two
    // Additions per cycle: a multiple of OUT_LANES, at most MAX_M OUT_LANES.
    parameter int unsigned MIX_LANES = 2,
    parameter int unsigned OUT_LANES = 1,    // results per cycle: a power of two, at most n
    parameter int unsigned IN_BITS = lightmamba_pkg::GAINED_BITS,
    parameter int unsigned OUT_BITS = lightmamba_pkg::ROTATED_BITS,
    parameter int unsigned M_BITS = $clog2(MAX_M + 1),
    parameter int unsigned LOG2_N_BITS = $clog2($clog2(MAX_N) + 1),
    parameter int unsigned SIGN_ADDRESS_BITS = $clog2(MAX_M)
) (
    input  logic clk_i,
    input  logic rst_ni,
    // Only between two vectors.
    input  logic                          signs_write_i,
    input  logic [SIGN_ADDRESS_BITS-1:0]  signs_address_i,
    input  logic [MAX_M-1:0]              signs_i,
    input  logic                          start_valid_i,
    output logic                          start_ready_o,
    input  logic [M_BITS-1:0]             m_i,       // 1 ... MAX_M
    input  logic [LOG2_N_BITS-1:0]        log2_n_i,  // 1 ... log2 MAX_N
    input  logic                          x_valid_i,
    output logic                          x_ready_o,
    input  logic signed [IN_BITS-1:0]     x_i,
    output logic                          y_valid_o,
    input  logic                          y_ready_i,
    output logic [OUT_LANES*OUT_BITS-1:0] y_o,
    output logic                          y_last_o
);
  localparam int unsigned LOG2_MAX_N = $clog2(MAX_N);
  localparam int unsigned BUTTERFLY_BITS = IN_BITS + LOG2_MAX_N;
  localparam int unsigned COUNT_BITS = M_BITS + LOG2_MAX_N;

  logic [LOG2_N_BITS-1:0] log2_n_q;
  logic [COUNT_BITS-1:0] left_q;  // values of the vector that still have to come
  logic butterfly_ready, is_taking_q, accept;
  logic t_valid, t_ready;
  logic signed [BUTTERFLY_BITS-1:0] t;

  assign x_ready_o = is_taking_q && butterfly_ready;
  assign accept = x_valid_i && x_ready_o;

  always_ff @(posedge clk_i) begin
    if (!rst_ni) begin
      is_taking_q <= 1'b0;
    end else if (start_valid_i && start_ready_o) begin
      is_taking_q <= 1'b1;
      left_q      <= COUNT_BITS'(m_i) << log2_n_i;
      log2_n_q    <= log2_n_i;
    end else if (accept) begin
      is_taking_q <= left_q != COUNT_BITS'(1);
      left_q      <= left_q - COUNT_BITS'(1);
    end
  end

  lm_htu_butterfly #(
      .MAX_N  (MAX_N),
      .IN_BITS(IN_BITS)
  ) u_butterfly (
      .clk_i,
      .rst_ni,
      .log2_n_i (log2_n_q),
      .x_valid_i(x_valid_i && is_taking_q),
      .x_ready_o(butterfly_ready),
      .x_i,
      .y_valid_o(t_valid),
      .y_ready_i(t_ready),
      .y_o      (t)
  );

  lm_htu_mix #(
      .MAX_M    (MAX_M),
      .MAX_N    (MAX_N),
      .MIX_LANES(MIX_LANES),
      .OUT_LANES(OUT_LANES),
      .IN_BITS  (BUTTERFLY_BITS),
      .OUT_BITS (OUT_BITS)
  ) u_mix (
      .clk_i,
      .rst_ni,
      .signs_write_i,
      .signs_address_i,
      .signs_i,
      .start_valid_i,
      .start_ready_o,
      .m_i,
      .log2_n_i,
      .t_valid_i(t_valid),
      .t_ready_o(t_ready),
      .t_i      (t),
      .y_valid_o,
      .y_ready_i,
      .y_o,
      .y_last_o
  );
endmodule

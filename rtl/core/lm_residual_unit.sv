// The residual: set from the embedding, then added to by each layer's out_proj. What is new goes on
// at once, to the norm and the quantizer of the next layer. A value per cycle, 3 cycles of latency.
// As add_to_residual() of src/accel/numerics/residual_unit.h.
`include "lm_assert.svh"

module lm_residual_unit #(
    parameter int unsigned MAX_D_MODEL = 2560,
    localparam int unsigned INDEX_BITS = $clog2(MAX_D_MODEL)
) (
    input  logic                  clk_i,
    input  logic                  rst_ni,
    input  logic [INDEX_BITS-1:0] last_index_i,  // d_model - 1, steady
    input  logic                  adds_i,        // to what is there; steady while there is work
    input  logic                  in_valid_i,
    output logic                  in_ready_o,
    input  logic signed [lightmamba_pkg::RESIDUAL_BITS-1:0] in_value_i,
    output logic                  out_valid_o,
    input  logic                  out_ready_i,
    output logic signed [lightmamba_pkg::RESIDUAL_BITS-1:0] out_value_o,
    output logic                  out_last_o
);
  localparam int unsigned BITS = lightmamba_pkg::RESIDUAL_BITS;

  logic [BITS-1:0] memory_q[2**INDEX_BITS];
  logic [INDEX_BITS-1:0] index_q, index1_q, index2_q, index3_q;
  logic signed [BITS-1:0] value1_q, value2_q, read1_q, read2_q;
  logic signed [BITS:0] sum;
  logic advance, in_fire, is_last;

  lm_pipeline #(
      .CYCLES(3)
  ) u_stages (
      .clk_i,
      .rst_ni,
      .in_valid_i,
      .in_ready_o,
      .advance_o(advance),
      .out_valid_o,
      .out_ready_i
  );

  assign in_fire = in_valid_i && in_ready_o;
  assign is_last = index_q == last_index_i;
  assign sum     = (BITS + 1)'(value2_q) + (adds_i ? (BITS + 1)'(read2_q) : (BITS + 1)'(0));

  always_ff @(posedge clk_i) begin
    if (!rst_ni) index_q <= '0;
    else if (in_fire) index_q <= is_last ? '0 : index_q + INDEX_BITS'(1);
  end

  // Each place is read and written once for a vector, so that what is on its way is not read.
  always_ff @(posedge clk_i) begin
    if (advance) read1_q <= memory_q[index_q];
    if (out_valid_o && out_ready_i) memory_q[index3_q] <= out_value_o;
  end

  always_ff @(posedge clk_i) begin
    if (advance) begin
      value1_q <= in_value_i;
      index1_q <= index_q;
      value2_q <= value1_q;
      read2_q  <= read1_q;
      index2_q <= index1_q;
      index3_q <= index2_q;
      if (sum[BITS] == sum[BITS-1]) out_value_o <= sum[BITS-1:0];
      else out_value_o <= {sum[BITS], {(BITS - 1) {~sum[BITS]}}};
      out_last_o <= index2_q == last_index_i;
    end
  end

  `LM_ASSERT_STREAM(out_holds, out_valid_o, out_ready_i, {out_value_o, out_last_o})
endmodule

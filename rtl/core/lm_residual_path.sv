// The residual: set from a row of the embedding, then added to by out_proj of each layer. What is
// new goes to the quantizer of the next product and is squared for the norm.
module lm_residual_path #(
    parameter int unsigned MAX_D_MODEL = 2560
) (
    input  logic clk_i,
    input  logic rst_ni,
    input  logic set_i,  // from the embedding; otherwise updates are added
    // verilator lint_off UNUSEDSIGNAL
    input  logic [15:0] d_model_i,
    // verilator lint_on UNUSEDSIGNAL
    input  logic [7:0]  embedding_shift_i,
    input  logic [63:0] epsilon_i,

    input  logic         record_valid_i,  // of the embedding
    output logic         record_ready_o,
    input  logic [127:0] record_i,
    input  logic         update_valid_i,
    output logic         update_ready_o,
    input  logic signed [lightmamba_pkg::RESIDUAL_BITS-1:0] update_i,

    output logic        residual_valid_o,
    input  logic        residual_ready_i,
    output logic signed [lightmamba_pkg::RESIDUAL_BITS-1:0] residual_o,
    output logic        sum_valid_o,  // of the squares
    input  logic        sum_ready_i,
    output logic [63:0] sum_o
);
  localparam int unsigned RESIDUAL_BITS = lightmamba_pkg::RESIDUAL_BITS;

  logic embedded_valid, in_ready, value_valid, value_last, squares_ready;
  logic signed [RESIDUAL_BITS-1:0] embedded;

  lm_embedding_unit u_embedding (
      .clk_i,
      .rst_ni,
      .shift_i    (embedding_shift_i),
      .record_valid_i,
      .record_ready_o,
      .record_i,
      .out_valid_o(embedded_valid),
      .out_ready_i(set_i && in_ready),
      .out_value_o(embedded)
  );

  assign update_ready_o = !set_i && in_ready;

  lm_residual_unit #(
      .MAX_D_MODEL(MAX_D_MODEL)
  ) u_residual (
      .clk_i,
      .rst_ni,
      .last_index_i($clog2(MAX_D_MODEL)'(d_model_i - 16'd1)),
      .adds_i      (!set_i),
      .in_valid_i  (set_i ? embedded_valid : update_valid_i),
      .in_ready_o  (in_ready),
      .in_value_i  (set_i ? embedded : update_i),
      .out_valid_o (value_valid),
      .out_ready_i (residual_ready_i && squares_ready),
      .out_value_o (residual_o),
      .out_last_o  (value_last)
  );

  // A value goes to the quantizer and to the squares at once.
  assign residual_valid_o = value_valid && squares_ready;

  lm_sum_of_squares_unit #(
      .LANES  (1),
      .IN_BITS(RESIDUAL_BITS),
      .SHIFT  (0)
  ) u_squares (
      .clk_i,
      .rst_ni,
      .epsilon_i,
      .in_valid_i (value_valid && residual_ready_i),
      .in_ready_o (squares_ready),
      .in_last_i  (value_last),
      .in_values_i(residual_o),
      .out_valid_o(sum_valid_o),
      .out_ready_i(sum_ready_i),
      .out_sum_o  (sum_o)
  );
endmodule

// Dot products of ROWS rows with a group of activations, COLUMNS columns each cycle, with
// multipliers and adders in LUTs. dots_o follows a group's last beat after
// lm_mmu_pkg::lut_dot_latency() cycles.
module lm_mmu_dots_lut #(
    parameter int unsigned ROWS = 2,
    parameter int unsigned COLUMNS = 32
) (
    input  logic                      clk_i,
    input  logic                      valid_i,
    input  logic                      first_i,  // of a group's beats
    input  logic [4*ROWS*COLUMNS-1:0] weights_i,
    input  logic [4*COLUMNS-1:0]      x_i,
    output logic [lightmamba_pkg::DOT_BITS*ROWS-1:0] dots_o
);
  localparam int unsigned DOT_BITS = lightmamba_pkg::DOT_BITS;
  localparam int unsigned GROUP = lightmamba_pkg::GROUP;

  localparam bit ACCUMULATES = COLUMNS < GROUP;
  localparam int unsigned SUM_BITS = 8 + $clog2(COLUMNS);

  logic first, valid;

  lm_shift_register #(
      .BITS  (2),
      .CYCLES(1 + $clog2(COLUMNS))
  ) u_control_line (
      .clk_i,
      .advance_i(1'b1),
      .x_i      ({first_i, valid_i}),
      .y_o      ({first, valid})
  );

  for (genvar r = 0; r < ROWS; r++) begin : gen_row
    (* use_dsp = "no" *)
    logic [8*COLUMNS-1:0] products;
    logic [8*COLUMNS-1:0] products_q;
    logic signed [SUM_BITS-1:0] sum;

    for (genvar c = 0; c < COLUMNS; c++) begin : gen_column
      logic signed [3:0] w, x;
      assign w = weights_i[4*(r*COLUMNS+c)+:4];
      assign x = x_i[4*c+:4];
      assign products[8*c+:8] = w * x;
    end

    always_ff @(posedge clk_i) products_q <= products;

    lm_adder_tree #(
        .INPUTS  (COLUMNS),
        .IN_BITS (8),
        .OUT_BITS(SUM_BITS)
    ) u_tree (
        .clk_i,
        .words_i(products_q),
        .sum_o  (sum)
    );

    if (ACCUMULATES) begin : gen_accumulator
      logic signed [DOT_BITS-1:0] dot_d, dot_q;
      always_comb begin
        dot_d = DOT_BITS'(sum);
        if (!first) dot_d = dot_d + dot_q;
      end
      always_ff @(posedge clk_i) if (valid) dot_q <= dot_d;
      assign dots_o[r*DOT_BITS+:DOT_BITS] = dot_q;
    end else begin : gen_sum
      assign dots_o[r*DOT_BITS+:DOT_BITS] = DOT_BITS'(sum);
    end
  end

  if (!ACCUMULATES) begin : gen_unused
    // Each beat is a whole group.
    logic unused;
    assign unused = first ^ valid;
  end
endmodule

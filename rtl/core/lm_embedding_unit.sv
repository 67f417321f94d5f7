// A row of the embedding to the residual: code times scale, shifted to the residual's unit. Atoms
// come as in docs/memory-map.md: for each group its scale, then four with codes. A value per cycle but
// for the atoms of scales. As embed() of src/accel/numerics/residual_unit.h.
module lm_embedding_unit (
    input  logic         clk_i,
    input  logic         rst_ni,
    input  logic signed [lightmamba_pkg::EXPONENT_BITS-1:0] right_i,  // steady while there is work
    input  logic         atom_valid_i,
    output logic         atom_ready_o,
    input  logic [127:0] atom_i,
    output logic         out_valid_o,
    input  logic         out_ready_i,
    output logic signed [lightmamba_pkg::RESIDUAL_BITS-1:0] out_value_o
);
  localparam int unsigned SCALE_BITS = lightmamba_pkg::SCALE_BITS;
  localparam int unsigned CODE_BITS = lightmamba_pkg::CODE_BITS;
  localparam int unsigned PRODUCT_BITS = SCALE_BITS + CODE_BITS;

  logic [2:0] place_q;  // of the atom within its group
  logic [4:0] code_q;
  logic signed [SCALE_BITS-1:0] scale_q;
  logic [127:0] codes;
  logic signed [CODE_BITS-1:0] code;
  logic signed [PRODUCT_BITS-1:0] product_q;
  logic signed [lightmamba_pkg::RESIDUAL_BITS-1:0] value;
  logic is_scale, advance, takes, ready, valid;

  assign is_scale     = place_q == '0;
  assign valid        = atom_valid_i && !is_scale;
  assign atom_ready_o = is_scale || (ready && (&code_q));
  assign takes        = valid && ready;
  assign codes        = atom_i >> {code_q, 2'b00};
  assign code         = codes[CODE_BITS-1:0];

  lm_pipeline #(
      .CYCLES(2)
  ) stages (
      .clk_i,
      .rst_ni,
      .in_valid_i (valid),
      .in_ready_o (ready),
      .advance_o  (advance),
      .out_valid_o,
      .out_ready_i
  );

  lm_rescale #(
      .IN_BITS   (PRODUCT_BITS),
      .OUT_BITS  (lightmamba_pkg::RESIDUAL_BITS),
      .SHIFT_BITS(lightmamba_pkg::EXPONENT_BITS)
  ) to_residual (
      .x_i    (product_q),
      .right_i(right_i),
      .y_o    (value)
  );

  always_ff @(posedge clk_i) begin
    if (is_scale) scale_q <= atom_i[SCALE_BITS-1:0];
    if (advance) begin
      product_q   <= PRODUCT_BITS'(code) * PRODUCT_BITS'(scale_q);
      out_value_o <= value;
    end
  end

  always_ff @(posedge clk_i) begin
    if (!rst_ni) begin
      place_q <= '0;
      code_q  <= '0;
    end else begin
      if (takes) code_q <= code_q + 5'd1;
      if (atom_valid_i && atom_ready_o) place_q <= place_q == 3'd4 ? '0 : place_q + 3'd1;
    end
  end

  logic unused;
  assign unused = &{1'b0, codes[127:CODE_BITS]};
endmodule

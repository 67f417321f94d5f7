// A row of the embedding to the residual: code times scale, shifted to the residual's unit. Records
// come as in docs/memory-map.md: for each group its scale, then four with codes. A value per cycle
// but for the records of scales. As embed() of src/accel/numerics/residual_unit.h.
`include "lm_assert.svh"

module lm_embedding_unit (
    input  logic         clk_i,
    input  logic         rst_ni,
    input  logic signed [lightmamba_pkg::EXPONENT_BITS-1:0] shift_i,  // steady while there is work
    input  logic         record_valid_i,
    output logic         record_ready_o,
    input  logic [127:0] record_i,
    output logic         out_valid_o,
    input  logic         out_ready_i,
    output logic signed [lightmamba_pkg::RESIDUAL_BITS-1:0] out_value_o
);
  localparam int unsigned SCALE_BITS = lightmamba_pkg::SCALE_BITS;
  localparam int unsigned CODE_BITS = lightmamba_pkg::CODE_BITS;
  localparam int unsigned PRODUCT_BITS = SCALE_BITS + CODE_BITS;

  logic [2:0] place_q;  // of the record within its group
  logic [4:0] code_q;
  logic signed [SCALE_BITS-1:0] scale_q;
  logic [127:0] codes;
  logic signed [CODE_BITS-1:0] code;
  logic signed [PRODUCT_BITS-1:0] product_q;
  logic signed [lightmamba_pkg::RESIDUAL_BITS-1:0] value;
  logic is_scale, advance, code_fire, ready, valid;

  assign is_scale       = place_q == '0;
  assign valid          = record_valid_i && !is_scale;
  assign record_ready_o = is_scale || (ready && (&code_q));
  assign code_fire      = valid && ready;
  assign codes          = record_i >> {code_q, 2'b00};
  assign code           = codes[CODE_BITS-1:0];

  lm_pipeline #(
      .CYCLES(2)
  ) u_stages (
      .clk_i,
      .rst_ni,
      .in_valid_i(valid),
      .in_ready_o(ready),
      .advance_o (advance),
      .out_valid_o,
      .out_ready_i
  );

  lm_rescale #(
      .IN_BITS   (PRODUCT_BITS),
      .OUT_BITS  (lightmamba_pkg::RESIDUAL_BITS),
      .SHIFT_BITS(lightmamba_pkg::EXPONENT_BITS)
  ) u_to_residual (
      .x_i    (product_q),
      .shift_i(shift_i),
      .y_o    (value)
  );

  always_ff @(posedge clk_i) begin
    if (is_scale) scale_q <= record_i[SCALE_BITS-1:0];
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
      if (code_fire) code_q <= code_q + 5'd1;
      if (record_valid_i && record_ready_o) place_q <= place_q == 3'd4 ? '0 : place_q + 3'd1;
    end
  end

  logic unused;
  assign unused = &{1'b0, codes[127:CODE_BITS]};

  `LM_ASSERT_STREAM(out_holds, out_valid_o, out_ready_i, out_value_o)
endmodule

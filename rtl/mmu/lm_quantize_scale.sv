// The scale of a group from its value of largest magnitude, as quantize_group() of
// src/accel/numerics/quantize_unit.h. One group per cycle, after 9 cycles.
module lm_quantize_scale #(
    parameter int unsigned IN_BITS = 40,
    parameter int unsigned CLIP_BITS = lightmamba_pkg::CLIP_BITS,
    parameter int unsigned PLACE_BITS = $clog2(IN_BITS + CLIP_BITS)
) (
    input  logic                  clk_i,
    input  logic                  rst_ni,
    input  logic                  valid_i,
    input  logic [IN_BITS-1:0]    magnitude_i,
    input  logic                  is_negative_i,
    input  logic [CLIP_BITS-1:0]  clip_i,         // steady
    output logic                  valid_o,
    output logic                  is_negative_o,  // of the scale: where the value is positive
    output logic [10:0]           mantissa_o,     // 1024 ... 2047, or 0
    output logic [PLACE_BITS-1:0] place_o,        // the scale's exponent + 10
    output logic signed [17:0]    reciprocal_o    // of the mantissa, 2^26 is 1; with the sign
);
  localparam int unsigned LATENCY = 9;
  localparam int unsigned PRODUCT_BITS = IN_BITS + CLIP_BITS;
  localparam int unsigned BYTES = (PRODUCT_BITS + 7) / 8;
  localparam int unsigned BYTE_BITS = PLACE_BITS - 3;
  localparam int unsigned KEPT_BITS = 12;  // of the mantissa and for the rounding

  logic [LATENCY-1:0] valid_q, negative_q;
  logic [IN_BITS-1:0] magnitude1_q;
  logic [PRODUCT_BITS-1:0] product2_q, product3_q;
  logic [8*BYTES-1:0] product3;
  logic [8*BYTES+KEPT_BITS-1:0] padded3;

  // The highest byte that is not 0, with what follows; then the place of the first 1 in it.
  logic [BYTE_BITS-1:0] byte3, byte4_q;
  logic [KEPT_BITS+7:0] window3, window4_q;
  logic [2:0] bit4;
  logic [KEPT_BITS-1:0] kept4, kept5_q;
  logic [PLACE_BITS-1:0] place5_q, place6_q, place7_q, place8_q;

  logic [KEPT_BITS-1:0] rounded5;
  logic [10:0] mantissa6_q, mantissa7_q, mantissa8_q;
  logic [16:0] reciprocal8;
  logic signed [17:0] magnitude8;

  assign product3 = (8 * BYTES)'(product3_q);
  assign padded3  = {product3, {KEPT_BITS{1'b0}}};

  always_comb begin
    byte3   = '0;
    window3 = padded3[KEPT_BITS+7:0];
    for (int unsigned b = 1; b < BYTES; b++) begin
      if (product3[8*b+:8] != '0) begin
        byte3   = BYTE_BITS'(b);
        window3 = padded3[8*b+:KEPT_BITS+8];
      end
    end
  end

  always_comb begin
    bit4  = '0;
    kept4 = window4_q[KEPT_BITS:1];
    for (int unsigned b = 1; b < 8; b++) begin
      if (window4_q[KEPT_BITS+b]) begin
        bit4  = 3'(b);
        kept4 = window4_q[b+1+:KEPT_BITS];
      end
    end
  end

  assign rounded5 = (kept5_q >> 1) + KEPT_BITS'(kept5_q[0]);

  lm_reciprocal_rom u_reciprocals (
      .clk_i,
      .advance_i(1'b1),
      .index_i  (mantissa6_q[9:0]),
      .entry_o  (reciprocal8)
  );
  assign magnitude8 = mantissa8_q[10] ? signed'({1'b0, reciprocal8}) : 18'sd0;

  always_ff @(posedge clk_i) begin
    negative_q   <= LATENCY'({negative_q, !is_negative_i});
    magnitude1_q <= magnitude_i;
    product2_q   <= PRODUCT_BITS'(magnitude1_q) * PRODUCT_BITS'(clip_i);
    product3_q   <= product2_q;
    byte4_q      <= byte3;
    window4_q    <= window3;
    kept5_q      <= kept4;
    place5_q     <= {byte4_q, bit4};
    // Rounded up to a power of two, it is one place higher.
    mantissa6_q  <= rounded5[11] ? 11'd1024 : rounded5[10:0];
    place6_q     <= place5_q + PLACE_BITS'(rounded5[11]);
    mantissa7_q  <= mantissa6_q;
    place7_q     <= place6_q;
    mantissa8_q  <= mantissa7_q;
    place8_q     <= place7_q;
    mantissa_o   <= mantissa8_q;
    place_o      <= place8_q;
    reciprocal_o <= negative_q[LATENCY-2] ? -magnitude8 : magnitude8;
  end

  always_ff @(posedge clk_i) begin
    if (!rst_ni) valid_q <= '0;
    else valid_q <= LATENCY'({valid_q, valid_i});
  end

  assign valid_o = valid_q[LATENCY-1];
  assign is_negative_o = negative_q[LATENCY-1];
endmodule

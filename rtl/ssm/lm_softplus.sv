// log(1 + exp(x)) of fixed point with DT_FRACTION_BITS, with 16 bits of mantissa. One number per
// cycle, 6 cycles of latency. As softplus() of src/accel/numerics/functions.h.
module lm_softplus (
    input  logic              clk_i,
    input  logic              advance_i,
    input  logic signed [lightmamba_pkg::DT_BITS-1:0] x_i,
    output logic [15:0]       mantissa_o,
    output logic signed [9:0] exponent_o
);
  localparam int unsigned DT_FRACTION_BITS = lightmamba_pkg::DT_FRACTION_BITS;
  localparam int unsigned DT_BITS = lightmamba_pkg::DT_BITS;

  localparam int unsigned REST_BITS = DT_FRACTION_BITS - 5;  // 32 entries in 1
  localparam int unsigned INDEX_BITS = 10;
  localparam int unsigned RISE_BITS = 12;
  localparam int unsigned SUM_BITS = 17;
  localparam logic signed [DT_BITS-1:0] END = DT_BITS'(16 << DT_FRACTION_BITS);

  logic is_below;
  logic [INDEX_BITS-1:0] index;
  logic [15:0] entry, entry_3_q;
  logic [RISE_BITS-1:0] rise;
  logic signed [6:0] exponent, exponent_3_q;
  logic signed [DT_BITS-1:0] x_2, x_3_q;
  logic [REST_BITS-1:0] rest_2;
  logic [RISE_BITS+REST_BITS-1:0] rise_3_q;
  logic [SUM_BITS-1:0] sum_4_q;
  logic signed [9:0] exponent_4_q;

  assign is_below = x_i < -END;
  assign index = is_below ? '0 : {~x_i[REST_BITS+INDEX_BITS-1], x_i[REST_BITS+:INDEX_BITS-1]};

  lm_softplus_rom u_softplus_rom (
      .clk_i,
      .advance_i,
      .index_i   (index),
      .entry_o   (entry),
      .rise_o    (rise),
      .exponent_o(exponent)
  );

  lm_shift_register #(.BITS(DT_BITS), .CYCLES(2)) u_delay (
      .clk_i,
      .advance_i,
      .x_i(is_below ? -END : x_i),
      .y_o(x_2)
  );

  assign rest_2 = x_2[REST_BITS-1:0];

  always_ff @(posedge clk_i) begin
    if (advance_i) begin
      x_3_q        <= x_2;
      entry_3_q    <= entry;
      exponent_3_q <= exponent;
      rise_3_q     <= (RISE_BITS + REST_BITS)'(rise) * (RISE_BITS + REST_BITS)'(rest_2);

      if (x_3_q >= END) begin
        sum_4_q      <= SUM_BITS'(x_3_q);
        exponent_4_q <= -10'sd12;
      end else begin
        sum_4_q      <= SUM_BITS'(entry_3_q) + SUM_BITS'(rise_3_q >> REST_BITS);
        exponent_4_q <= 10'(exponent_3_q);
      end
    end
  end

  lm_normalize #(.IN_BITS(SUM_BITS), .OUT_BITS(16), .EXPONENT_BITS(10)) u_normalize (
      .clk_i,
      .advance_i,
      .mantissa_i(sum_4_q),
      .exponent_i(exponent_4_q),
      .mantissa_o,
      .exponent_o
  );
endmodule

// The multipliers of a vector's groups, aligned to their largest exponent, as quantize_vector() of
// src/accel/numerics/quantize_unit.h. One scale per cycle is taken; when all groups have theirs, one
// multiplier per cycle comes out.
module lm_quantize_multipliers #(
    parameter int unsigned MAX_GROUPS = 64,
    parameter int unsigned PLACE_BITS = 6,
    parameter int unsigned MULTIPLIER_BITS = lightmamba_pkg::MULTIPLIER_BITS,
    parameter int unsigned EXPONENT_BITS = lightmamba_pkg::EXPONENT_BITS,
    parameter int unsigned GROUPS_BITS = $clog2(MAX_GROUPS + 1)
) (
    input  logic                              clk_i,
    input  logic                              rst_ni,
    input  logic                              start_i,   // after the last one's end
    input  logic [GROUPS_BITS-1:0]            groups_i,  // steady
    input  logic                              scale_valid_i,
    input  logic                              is_negative_i,
    input  logic [10:0]                       mantissa_i,
    input  logic [PLACE_BITS-1:0]             place_i,
    output logic                              multiplier_valid_o,
    input  logic                              multiplier_ready_i,
    output logic signed [MULTIPLIER_BITS-1:0] multiplier_o,
    output logic                              multiplier_last_o,
    output logic signed [EXPONENT_BITS-1:0]   exponent_o
);
  localparam logic signed [EXPONENT_BITS-1:0] ZERO_EXPONENT = lightmamba_pkg::ZERO_EXPONENT;
  localparam int unsigned ADDRESS_BITS = $clog2(MAX_GROUPS);

  typedef struct packed {
    logic                  is_negative;
    logic [10:0]           mantissa;
    logic [PLACE_BITS-1:0] place;
  } scale_t;

  scale_t scales_q[MAX_GROUPS];
  scale_t scale1_q;
  logic [GROUPS_BITS-1:0] taken_q, given_q;
  logic [PLACE_BITS-1:0] largest_q;
  logic is_any_q;  // scale not 0
  logic is_taken, give, is_last, advance;

  // 1, a scale; 2, shifted, with a bit for the rounding; then the multiplier.
  logic valid1_q, valid2_q, last1_q, last2_q, negative2_q;
  logic [PLACE_BITS-1:0] shift1;
  logic [12:0] shifted2_q;
  logic signed [MULTIPLIER_BITS-1:0] magnitude2;

  assign is_taken = taken_q == groups_i;
  assign give = is_taken && given_q != groups_i;
  assign is_last = given_q == groups_i - GROUPS_BITS'(1);
  assign advance = multiplier_ready_i || !multiplier_valid_o;
  assign exponent_o = is_any_q ? EXPONENT_BITS'(signed'({1'b0, largest_q})) - 10
                               : ZERO_EXPONENT;
  assign shift1 = largest_q - scale1_q.place;
  assign magnitude2 = signed'({1'b0, shifted2_q[12:1]}) + signed'(MULTIPLIER_BITS'(shifted2_q[0]));

  always_ff @(posedge clk_i) begin
    if (scale_valid_i) scales_q[ADDRESS_BITS'(taken_q)] <= {is_negative_i, mantissa_i, place_i};
  end

  always_ff @(posedge clk_i) begin
    if (!rst_ni || start_i) begin
      taken_q   <= '0;
      is_any_q  <= 1'b0;
      largest_q <= '0;
    end else if (scale_valid_i) begin
      taken_q <= taken_q + GROUPS_BITS'(1);
      if (mantissa_i[10]) begin
        is_any_q <= 1'b1;
        if (place_i > largest_q) largest_q <= place_i;
      end
    end
  end

  always_ff @(posedge clk_i) begin
    if (!rst_ni || start_i) given_q <= '0;
    else if (advance) given_q <= given_q + GROUPS_BITS'(give);
  end

  always_ff @(posedge clk_i) begin
    if (!rst_ni) begin
      {valid1_q, valid2_q, multiplier_valid_o} <= '0;
    end else if (advance) begin
      {valid1_q, valid2_q, multiplier_valid_o} <= {give, valid1_q, valid2_q};
    end
  end

  always_ff @(posedge clk_i) begin
    if (advance) begin
      scale1_q          <= scales_q[ADDRESS_BITS'(given_q)];
      last1_q           <= is_last;
      shifted2_q        <= {scale1_q.mantissa, 2'b00} >> shift1;
      negative2_q       <= scale1_q.is_negative;
      last2_q           <= last1_q;
      multiplier_o      <= negative2_q ? -magnitude2 : magnitude2;
      multiplier_last_o <= last2_q;
    end
  end
endmodule

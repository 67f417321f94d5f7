// A vector to 4-bit codes with a multiplier for each group and an exponent for all, as
// quantize_vector() of src/accel/numerics/quantize_unit.h:
// value = code * multiplier * 2^(exponent_o - 19 + exponent of the input).
//
// LANES values per cycle without a break between groups: the codes of a group come out while the
// next groups are taken in, the first ones GROUP / LANES + 20 + log2 LANES cycles after the group's
// first values. Multipliers and exponent are there when the last group's scale is; who takes all
// codes before any multiplier finds them waiting. The next vector may start when codes and
// multipliers of the last are out.
`include "lm_assert.svh"

module lm_quantize_unit #(
    parameter int unsigned LANES = 4,        // a power of two
    parameter int unsigned GROUP = lightmamba_pkg::GROUP,  // a multiple of LANES, at least 2 LANES
    parameter int unsigned MAX_GROUPS = 64,
    parameter int unsigned IN_BITS = lightmamba_pkg::ROTATED_BITS,
    parameter int unsigned CLIP_BITS = lightmamba_pkg::CLIP_BITS,
    parameter int unsigned CODE_BITS = lightmamba_pkg::CODE_BITS,
    parameter int unsigned MULTIPLIER_BITS = lightmamba_pkg::MULTIPLIER_BITS,
    parameter int unsigned EXPONENT_BITS = lightmamba_pkg::EXPONENT_BITS,
    parameter int unsigned GROUPS_BITS = $clog2(MAX_GROUPS + 1)
) (
    input  logic                              clk_i,
    input  logic                              rst_ni,
    input  logic                              start_valid_i,
    output logic                              start_ready_o,
    input  logic [GROUPS_BITS-1:0]            groups_i,   // 1 ... MAX_GROUPS
    input  logic [CLIP_BITS-1:0]              clip_i,     // 0, or at least 16
    input  logic                              value_valid_i,
    output logic                              value_ready_o,
    input  logic [LANES*IN_BITS-1:0]          value_i,
    output logic                              code_valid_o,
    input  logic                              code_ready_i,
    output logic [LANES*CODE_BITS-1:0]        code_o,
    output logic                              code_last_o,
    output logic                              multiplier_valid_o,
    input  logic                              multiplier_ready_i,
    output logic signed [MULTIPLIER_BITS-1:0] multiplier_o,
    output logic                              multiplier_last_o,
    output logic signed [EXPONENT_BITS-1:0]   exponent_o  // with the multipliers
);
  localparam int unsigned PLACE_BITS = $clog2(IN_BITS + CLIP_BITS);
  localparam int unsigned BEATS = GROUP / LANES;  // of a group
  localparam int unsigned BEAT_BITS = $clog2(BEATS);
  // A group stays until its scale is known, some 20 cycles after its last values.
  localparam int unsigned ADDRESS_BITS = $clog2(BEATS + 24);
  localparam int unsigned SCALES = 8;
  localparam int unsigned LANE_LATENCY = 6;

  logic is_busy_q, start;
  logic [GROUPS_BITS-1:0] groups_q;
  logic [CLIP_BITS-1:0] clip_q;

  // Taking in.
  logic is_taking_q, take, take_is_first, take_is_last;
  logic [BEAT_BITS-1:0] take_beat_q;
  logic [GROUPS_BITS-1:0] groups_to_take_q;
  logic scales_have_room;

  // Buffer of the values.
  logic [LANES*IN_BITS-1:0] values_q[2**ADDRESS_BITS];
  logic [ADDRESS_BITS-1:0] write_q, read_q;
  logic [ADDRESS_BITS:0] held_q;

  logic maximum_valid, maximum_is_negative;
  logic [IN_BITS-1:0] maximum;
  logic new_scale_valid, new_scale_is_negative;
  logic [10:0] new_scale_mantissa;
  logic [PLACE_BITS-1:0] new_scale_place;
  logic signed [17:0] new_scale_reciprocal;

  // Rounding: 0, values and scale; LANE_LATENCY, codes.
  logic scale_valid, codes_have_room, issue, issue_is_group_end;
  logic [BEAT_BITS-1:0] issue_beat_q;
  logic [GROUPS_BITS-1:0] groups_to_issue_q;
  logic [PLACE_BITS-1:0] scale_place, place0_q;
  logic [2:0] fine_place1_q;
  logic [17:0] scale_reciprocal;
  logic signed [17:0] reciprocal0_q, reciprocal1_q, reciprocal2_q, reciprocal3_q;
  logic [LANES*IN_BITS-1:0] values0_q;
  logic [LANES*CODE_BITS-1:0] codes;
  logic [LANE_LATENCY:0] issued_q, issued_last_q;
  logic is_codes_done_q, is_multipliers_done_q, codes_end, multipliers_end;

  assign start_ready_o = !is_busy_q;
  assign start = start_valid_i && start_ready_o;
  assign codes_end = code_valid_o && code_ready_i && code_last_o;
  assign multipliers_end = multiplier_valid_o && multiplier_ready_i && multiplier_last_o;

  always_ff @(posedge clk_i) begin
    if (start) begin
      groups_q <= groups_i;
      clip_q   <= clip_i;
    end
  end

  always_ff @(posedge clk_i) begin
    if (!rst_ni) begin
      is_busy_q             <= 1'b0;
      is_codes_done_q       <= 1'b0;
      is_multipliers_done_q <= 1'b0;
    end else if (start) begin
      is_busy_q             <= 1'b1;
      is_codes_done_q       <= 1'b0;
      is_multipliers_done_q <= 1'b0;
    end else begin
      is_codes_done_q       <= is_codes_done_q || codes_end;
      is_multipliers_done_q <= is_multipliers_done_q || multipliers_end;
      if ((is_codes_done_q || codes_end) && (is_multipliers_done_q || multipliers_end)) begin
        is_busy_q <= 1'b0;
      end
    end
  end

  // Taking in. A group needs a place for its scale.
  assign value_ready_o = is_taking_q && !held_q[ADDRESS_BITS] && scales_have_room;
  assign take = value_valid_i && value_ready_o;
  assign take_is_first = take_beat_q == '0;
  assign take_is_last = take_beat_q == BEAT_BITS'(BEATS - 1);

  always_ff @(posedge clk_i) begin
    if (!rst_ni) begin
      is_taking_q <= 1'b0;
      take_beat_q <= '0;
    end else if (start) begin
      is_taking_q      <= 1'b1;
      groups_to_take_q <= groups_i;
    end else if (take) begin
      take_beat_q <= take_is_last ? '0 : take_beat_q + BEAT_BITS'(1);
      if (take_is_last) begin
        is_taking_q      <= groups_to_take_q != GROUPS_BITS'(1);
        groups_to_take_q <= groups_to_take_q - GROUPS_BITS'(1);
      end
    end
  end

  always_ff @(posedge clk_i) begin
    if (take) values_q[write_q] <= value_i;
    values0_q <= values_q[read_q];
  end

  always_ff @(posedge clk_i) begin
    if (!rst_ni) begin
      write_q <= '0;
      read_q  <= '0;
      held_q  <= '0;
    end else begin
      write_q <= write_q + ADDRESS_BITS'(take);
      read_q  <= read_q + ADDRESS_BITS'(issue);
      held_q  <= held_q + (ADDRESS_BITS + 1)'(take) - (ADDRESS_BITS + 1)'(issue);
    end
  end

  lm_quantize_maximum #(
      .LANES  (LANES),
      .IN_BITS(IN_BITS)
  ) u_maximum_of_group (
      .clk_i,
      .rst_ni,
      .valid_i      (take),
      .first_i      (take_is_first),
      .last_i       (take_is_last),
      .values_i     (value_i),
      .valid_o      (maximum_valid),
      .magnitude_o  (maximum),
      .is_negative_o(maximum_is_negative)
  );

  lm_quantize_scale #(
      .IN_BITS  (IN_BITS),
      .CLIP_BITS(CLIP_BITS)
  ) u_scale_of_group (
      .clk_i,
      .rst_ni,
      .valid_i      (maximum_valid),
      .magnitude_i  (maximum),
      .is_negative_i(maximum_is_negative),
      .clip_i       (clip_q),
      .valid_o      (new_scale_valid),
      .is_negative_o(new_scale_is_negative),
      .mantissa_o   (new_scale_mantissa),
      .place_o      (new_scale_place),
      .reciprocal_o (new_scale_reciprocal)
  );

  lm_quantize_multipliers #(
      .MAX_GROUPS(MAX_GROUPS),
      .PLACE_BITS(PLACE_BITS)
  ) u_multipliers (
      .clk_i,
      .rst_ni,
      .start_i      (start),
      .groups_i     (groups_q),
      .scale_valid_i(new_scale_valid),
      .is_negative_i(new_scale_is_negative),
      .mantissa_i   (new_scale_mantissa),
      .place_i      (new_scale_place),
      .multiplier_valid_o,
      .multiplier_ready_i,
      .multiplier_o,
      .multiplier_last_o,
      .exponent_o
  );

  lm_credit_fifo #(
      .WIDTH(PLACE_BITS + 18),
      .DEPTH(SCALES)
  ) u_scales (
      .clk_i,
      .rst_ni,
      .has_room_o(scales_have_room),
      .reserve_i (take && take_is_first),
      .push_i    (new_scale_valid),
      .data_i    ({new_scale_place, new_scale_reciprocal}),
      .valid_o   (scale_valid),
      .ready_i   (issue && issue_is_group_end),
      .data_o    ({scale_place, scale_reciprocal})
  );

  // Rounding. All values of a group whose scale is known are there.
  assign issue = scale_valid && codes_have_room;
  assign issue_is_group_end = issue_beat_q == BEAT_BITS'(BEATS - 1);

  always_ff @(posedge clk_i) begin
    if (!rst_ni) begin
      issue_beat_q <= '0;
      issued_q     <= '0;
    end else begin
      issued_q <= {issued_q[LANE_LATENCY-1:0], issue};
      if (issue) issue_beat_q <= issue_is_group_end ? '0 : issue_beat_q + BEAT_BITS'(1);
    end
  end

  always_ff @(posedge clk_i) begin
    if (start) groups_to_issue_q <= groups_i;
    else if (issue && issue_is_group_end) groups_to_issue_q <= groups_to_issue_q - GROUPS_BITS'(1);
    issued_last_q <= {issued_last_q[LANE_LATENCY-1:0],
                      issue_is_group_end && groups_to_issue_q == GROUPS_BITS'(1)};
    place0_q      <= scale_place;
    fine_place1_q <= place0_q[2:0];
    reciprocal0_q <= scale_reciprocal;
    reciprocal1_q <= reciprocal0_q;
    reciprocal2_q <= reciprocal1_q;
    reciprocal3_q <= reciprocal2_q;
  end

  for (genvar i = 0; i < LANES; i++) begin : gen_lane
    logic signed [IN_BITS-1:0] x;
    assign x = values0_q[i*IN_BITS+:IN_BITS];

    lm_quantize_lane #(
        .IN_BITS   (IN_BITS),
        .PLACE_BITS(PLACE_BITS)
    ) u_lane (
        .clk_i,
        .x_i           (x),
        .coarse_place_i(place0_q[PLACE_BITS-1:3]),
        .fine_place_i  (fine_place1_q),
        .reciprocal_i  (reciprocal3_q),
        .code_o        (codes[i*CODE_BITS+:CODE_BITS])
    );
  end

  lm_credit_fifo #(
      .WIDTH(LANES * CODE_BITS + 1),
      .DEPTH(16)
  ) u_results (
      .clk_i,
      .rst_ni,
      .has_room_o(codes_have_room),
      .reserve_i (issue),
      .push_i    (issued_q[LANE_LATENCY]),
      .data_i    ({issued_last_q[LANE_LATENCY], codes}),
      .valid_o   (code_valid_o),
      .ready_i   (code_ready_i),
      .data_o    ({code_last_o, code_o})
  );

  `LM_ASSERT(values_have_places, held_q <= (ADDRESS_BITS + 1)'(2 ** ADDRESS_BITS))
  `LM_ASSERT_STREAM(multiplier_holds,
                    multiplier_valid_o, multiplier_ready_i, {multiplier_o, multiplier_last_o,
                    exponent_o})
endmodule

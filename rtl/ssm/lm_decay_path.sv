// From the raw dt of each head to what the SSM unit needs of it: dt, its decay and D, which wait
// here until the head's x is there. A head takes the next record of the heads' parameters with its
// dt; one per cycle.
module lm_decay_path #(
    parameter int unsigned MAX_HEADS = 80
) (
    input  logic                     clk_i,
    input  logic                     rst_ni,
    input  lm_types_pkg::dt_limits_t limits_i,  // steady while there is work
    input  logic                     record_valid_i,
    output logic                     record_ready_o,
    input  logic [127:0]             record_i,
    input  logic                     dt_valid_i,
    output logic                     dt_ready_o,
    input  logic signed [lightmamba_pkg::DT_BITS-1:0] dt_i,
    output logic                     out_valid_o,
    input  logic                     out_ready_i,
    output lm_types_pkg::decay_t     out_decay_o,
    output lm_types_pkg::skip_t      out_skip_o
);
  localparam int unsigned DEPTH = 1 << $clog2(MAX_HEADS);

  // verilator lint_off UNUSEDSIGNAL
  lm_types_pkg::head_record_t record;
  // verilator lint_on UNUSEDSIGNAL
  lm_types_pkg::decay_t decay;
  logic in_fire, unit_ready, skip_has_room, has_skip, decay_valid, decay_ready, has_decay, out_fire;

  assign record         = record_i;
  assign in_fire        = dt_valid_i && record_valid_i && unit_ready && skip_has_room;
  assign dt_ready_o     = in_fire;
  assign record_ready_o = in_fire;
  assign out_valid_o    = has_decay && has_skip;
  assign out_fire       = out_valid_o && out_ready_i;

  lm_decay_unit u_decay (
      .clk_i,
      .rst_ni,
      .limits_i,
      .in_valid_i     (in_fire),
      .in_ready_o     (unit_ready),
      .in_raw_i       (dt_i),
      .in_bias_i      (record.dt_bias[lightmamba_pkg::DT_BITS-1:0]),
      .in_a_mantissa_i(record.a_mantissa),
      .in_a_exponent_i(record.a_exponent),
      .out_valid_o    (decay_valid),
      .out_ready_i    (decay_ready),
      .out_decay_o    (decay)
  );

  lm_credit_fifo #(
      .WIDTH(lm_types_pkg::SKIP_BITS),
      .DEPTH(DEPTH)
  ) u_skip_queue (
      .clk_i,
      .rst_ni,
      .has_room_o(skip_has_room),
      .reserve_i (in_fire),
      .push_i    (in_fire),
      .data_i    (record.skip),
      .valid_o   (has_skip),
      .ready_i   (out_fire),
      .data_o    (out_skip_o)
  );

  lm_credit_fifo #(
      .WIDTH(lm_types_pkg::DECAY_BITS),
      .DEPTH(DEPTH)
  ) u_decay_queue (
      .clk_i,
      .rst_ni,
      .has_room_o(decay_ready),
      .reserve_i (decay_valid && decay_ready),
      .push_i    (decay_valid && decay_ready),
      .data_i    (decay),
      .valid_o   (has_decay),
      .ready_i   (out_fire),
      .data_o    (out_decay_o)
  );
endmodule

// x / (1 + exp(-x)) of LANES numbers of fixed point. One beat per cycle, 6 cycles of latency.
// As silu() of src/accel/numerics/functions.h.
module silu_unit #(
    parameter int unsigned LANES = 4
) (
    input  logic clk_i,
    input  logic rst_ni,
    input  logic in_valid_i,
    output logic in_ready_o,
    input  logic signed [LANES-1:0][lightmamba_pkg::ACTIVATION_BITS-1:0] in_values_i,
    output logic out_valid_o,
    input  logic out_ready_i,
    output logic signed [LANES-1:0][lightmamba_pkg::ACTIVATION_BITS-1:0] out_values_o
);
  import lightmamba_pkg::*;

  localparam int unsigned PAIRS = (LANES + 1) / 2;  // of lanes that share a ROM
  localparam int unsigned INDEX_BITS = 10;
  localparam int unsigned REST_BITS = FRACTION_BITS - 5;  // 32 entries in 1
  localparam int unsigned ENTRY_BITS = 17;
  localparam int unsigned RISE_BITS = 10;

  logic advance;
  logic [2*PAIRS-1:0][INDEX_BITS-1:0] index;
  logic [2*PAIRS-1:0][ENTRY_BITS-1:0] entry;
  logic [2*PAIRS-1:0][RISE_BITS-1:0] rise;

  pipeline #(.CYCLES(6)) pipeline_u (
      .clk_i,
      .rst_ni,
      .in_valid_i,
      .in_ready_o,
      .advance_o(advance),
      .out_valid_o,
      .out_ready_i
  );

  // The table ends at -16 and 16; from_start of its first entry is 0.
  for (genvar lane = 0; lane < 2 * PAIRS; ++lane) begin : gen_index
    if (lane < LANES) begin : gen_lane
      assign index[lane] = {~in_values_i[lane][REST_BITS+INDEX_BITS-1],
                            in_values_i[lane][REST_BITS+:INDEX_BITS-1]};
    end else begin : gen_none
      assign index[lane] = '0;
    end
  end

  for (genvar pair = 0; pair < PAIRS; ++pair) begin : gen_rom
    sigmoid_rom sigmoid_rom_u (
        .clk_i,
        .advance_i(advance),
        .a_index_i(index[2*pair]),
        .a_entry_o(entry[2*pair]),
        .a_rise_o(rise[2*pair]),
        .b_index_i(index[2*pair+1]),
        .b_entry_o(entry[2*pair+1]),
        .b_rise_o(rise[2*pair+1])
    );
  end

  for (genvar lane = 0; lane < LANES; ++lane) begin : gen_lane
    silu_lane silu_lane_u (
        .clk_i,
        .advance_i(advance),
        .x_i(in_values_i[lane]),
        .entry_i(entry[lane]),
        .rise_i(rise[lane]),
        .y_o(out_values_o[lane])
    );
  end

  if (2 * PAIRS > LANES) begin : gen_unused
    logic unused;
    assign unused = &{1'b0, entry[LANES], rise[LANES]};
  end
endmodule

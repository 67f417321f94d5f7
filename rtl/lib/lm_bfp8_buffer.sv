// Holds blocks of BLOCK values until their largest magnitude is known, then gives them on with the
// bits of it. LANES values per beat, one beat per cycle in and out, blocks one after another
// without idle cycles; the first beat of a block leaves $clog2(LANES) + 6 cycles after its last has
// come.
`include "lm_assert.svh"

module lm_bfp8_buffer #(
    parameter int unsigned LANES = 4,      // a power of two
    parameter int unsigned BITS = 42,
    parameter int unsigned BLOCK = 64,     // a power of two
    parameter int unsigned HEAD_BITS = 7,
    parameter int unsigned TAG_BITS = 8
) (
    input  logic                      clk_i,
    input  logic                      rst_ni,
    input  logic                      in_valid_i,
    output logic                      in_ready_o,
    input  logic [LANES*BITS-1:0]     in_values_i,
    input  logic [TAG_BITS-1:0]       in_tag_i,        // of the block, taken with its last beat
    output logic                      out_valid_o,
    input  logic                      out_ready_i,
    output logic [LANES*BITS-1:0]     out_values_o,
    output logic [$clog2(BITS+1)-1:0] out_length_o,    // of the largest magnitude
    output logic                      out_is_above_o,  // its HEAD_BITS are ones and a bit below too
    output logic [TAG_BITS-1:0]       out_tag_o
);
  localparam int unsigned BEATS = BLOCK / LANES;
  // Two blocks; a RAM of look-up tables has 32 words at least, which then bridge the latency.
  localparam int unsigned WORDS = 2 * BEATS > 32 ? 2 * BEATS : 32;
  localparam int unsigned BLOCKS = WORDS / BEATS;
  localparam int unsigned WORD_BITS = $clog2(WORDS);
  localparam int unsigned BLOCK_BITS = $clog2(BLOCKS);
  localparam int unsigned BEAT_BITS = $clog2(BEATS);
  localparam int unsigned LEVELS = $clog2(LANES);
  localparam int unsigned LENGTH_BITS = $clog2(BITS + 1);

  // Values. Words are numbered with one bit more, which tells full from empty.
  logic [LANES*BITS-1:0] values_q[WORDS];
  logic [WORD_BITS:0] write_q, read_q;
  logic write, read, is_write_last;

  assign in_ready_o = write_q != {~read_q[WORD_BITS], read_q[WORD_BITS-1:0]};
  assign write = in_valid_i && in_ready_o;
  assign is_write_last = &write_q[BEAT_BITS-1:0];

  always_ff @(posedge clk_i) begin
    if (write) values_q[write_q[WORD_BITS-1:0]] <= in_values_i;
  end

  always_ff @(posedge clk_i) begin
    if (!rst_ni) begin
      write_q <= '0;
      read_q  <= '0;
    end else begin
      if (write) write_q <= write_q + 1'b1;
      if (read) read_q <= read_q + 1'b1;
    end
  end

  // The largest magnitude of a beat, which never waits: a level of the tree per cycle.
  for (genvar level = 0; level <= LEVELS; level++) begin : gen_level
    logic [(LANES>>level)*BITS-1:0] level_q;

    for (genvar i = 0; i < (LANES >> level); i++) begin : gen_node
      if (level == 0) begin : gen_leaf
        logic signed [BITS-1:0] x;
        assign x = in_values_i[i*BITS+:BITS];
        always_ff @(posedge clk_i) level_q[i*BITS+:BITS] <= x < 0 ? -x : x;
      end else begin : gen_inner
        logic [BITS-1:0] a, b;
        assign a = gen_level[level-1].level_q[2*i*BITS+:BITS];
        assign b = gen_level[level-1].level_q[(2*i+1)*BITS+:BITS];
        always_ff @(posedge clk_i) level_q[i*BITS+:BITS] <= a < b ? b : a;
      end
    end
  end

  // The last beats of blocks on their way through the tree, the running maximum and the length.
  localparam int unsigned STAGES = LEVELS + 4;
  logic [LEVELS:0] valid_q, first_q;
  logic [STAGES-1:0] last_q;
  logic [TAG_BITS-1:0] tag;

  always_ff @(posedge clk_i) begin
    if (!rst_ni) begin
      valid_q <= '0;
      last_q  <= '0;
    end else begin
      valid_q <= (LEVELS + 1)'({valid_q, write});
      last_q  <= STAGES'({last_q, write && is_write_last});
    end
    first_q <= (LEVELS + 1)'({first_q, write_q[BEAT_BITS-1:0] == '0});
  end

  lm_shift_register #(.BITS(TAG_BITS), .CYCLES(STAGES)) u_delay_tag (
      .clk_i,
      .advance_i(1'b1),
      .x_i      (in_tag_i),
      .y_o      (tag)
  );

  logic [BITS-1:0] beat_largest, largest_q, largest_1_q, aligned;
  logic [$clog2(BITS)-1:0] zeros, zeros_1_q;
  logic [LENGTH_BITS-1:0] length_1_q, length_2_q;
  logic is_zero, is_above_2_q;

  assign beat_largest = gen_level[LEVELS].level_q;

  lm_leading_zeros #(.BITS(BITS)) u_leading_zeros (
      .x_i      (largest_q),
      .count_o  (zeros),
      .is_zero_o(is_zero)
  );

  assign aligned = largest_1_q << zeros_1_q;

  always_ff @(posedge clk_i) begin
    if (valid_q[LEVELS] && (first_q[LEVELS] || largest_q < beat_largest)) begin
      largest_q <= beat_largest;
    end

    largest_1_q <= largest_q;
    zeros_1_q   <= zeros;
    length_1_q  <= is_zero ? '0 : LENGTH_BITS'(BITS) - LENGTH_BITS'(zeros);

    length_2_q   <= length_1_q;
    is_above_2_q <= &aligned[BITS-1-:HEAD_BITS] && |aligned[BITS-HEAD_BITS-1:0];
  end

  // What is known of blocks that are complete; there is a place for each block of values.
  localparam int unsigned SCALE_BITS = LENGTH_BITS + 1 + TAG_BITS;
  logic [SCALE_BITS-1:0] scales_q[BLOCKS];
  logic [SCALE_BITS-1:0] scale_q;
  logic [BLOCK_BITS:0] complete_q;
  logic is_complete;

  always_ff @(posedge clk_i) begin
    if (last_q[STAGES-1]) begin
      scales_q[complete_q[BLOCK_BITS-1:0]] <= {length_2_q, is_above_2_q, tag};
    end
  end

  always_ff @(posedge clk_i) begin
    if (!rst_ni) complete_q <= '0;
    else if (last_q[STAGES-1]) complete_q <= complete_q + 1'b1;
  end

  assign is_complete = complete_q != read_q[WORD_BITS-:BLOCK_BITS+1];
  assign read = is_complete && (out_ready_i || !out_valid_o);
  assign {out_length_o, out_is_above_o, out_tag_o} = scale_q;

  always_ff @(posedge clk_i) begin
    if (!rst_ni) out_valid_o <= 1'b0;
    else if (out_ready_i || !out_valid_o) out_valid_o <= read;
    if (read) begin
      out_values_o <= values_q[read_q[WORD_BITS-1:0]];
      scale_q      <= scales_q[read_q[WORD_BITS-1-:BLOCK_BITS]];
    end
  end

  `LM_ASSERT_STREAM(out_holds, out_valid_o, out_ready_i, {out_values_o, scale_q})
endmodule

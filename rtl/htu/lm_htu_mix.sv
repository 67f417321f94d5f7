// y[to n + i] = sum over from of H_m[to][from] t[from n + i]: the second half of
// hadamard_transform() of src/accel/numerics/htu.h. Chunks of n values are added to m
// chunks of sums as they come; then the sums are read out in order.
//
// OUT_LANES neighbours lie in one word. A pass adds such a word to ROWS = MIX_LANES / OUT_LANES
// chunks, so OUT_LANES values take max(OUT_LANES, ceil(m / ROWS)) cycles. The results take one
// cycle per word. Before a chunk of fewer than 8 values the pipeline runs empty.
//
// The signs are written by columns, as all rows are needed at once: bit `to` of word `from` is 1
// where H_m[to][from] is -1.
module lm_htu_mix #(
    parameter int unsigned MAX_M = 40,
    parameter int unsigned MAX_N = 128,      // a power of two
    parameter int unsigned MIX_LANES = 2,    // additions per cycle, see htu
    parameter int unsigned OUT_LANES = 1,    // a power of two, at most n
    parameter int unsigned IN_BITS = 33,
    parameter int unsigned OUT_BITS = 40,
    parameter int unsigned M_BITS = $clog2(MAX_M + 1),
    parameter int unsigned LOG2_N_BITS = $clog2($clog2(MAX_N) + 1),
    parameter int unsigned SIGN_ADDRESS_BITS = $clog2(MAX_M)
) (
    input  logic clk_i,
    input  logic rst_ni,
    // Only between two vectors.
    input  logic                          signs_write_i,
    input  logic [SIGN_ADDRESS_BITS-1:0]  signs_address_i,
    input  logic [MAX_M-1:0]              signs_i,
    input  logic                          start_valid_i,
    output logic                          start_ready_o,
    input  logic [M_BITS-1:0]             m_i,  // 1 ... MAX_M
    input  logic [LOG2_N_BITS-1:0]        log2_n_i,
    input  logic                          t_valid_i,
    output logic                          t_ready_o,
    input  logic signed [IN_BITS-1:0]     t_i,
    output logic                          y_valid_o,
    input  logic                          y_ready_i,
    output logic [OUT_LANES*OUT_BITS-1:0] y_o,
    output logic                          y_last_o
);
  localparam int unsigned ROWS = MIX_LANES / OUT_LANES;
  localparam int unsigned PASSES = (MAX_M + ROWS - 1) / ROWS;
  localparam int unsigned WORD_OUT_BITS = OUT_LANES * OUT_BITS;
  localparam int unsigned WORDS = MAX_N / OUT_LANES;  // of a chunk
  localparam int unsigned WORD_BITS = $clog2(WORDS);
  localparam int unsigned PASS_BITS = PASSES > 1 ? $clog2(PASSES) : 1;
  localparam int unsigned ADDRESS_BITS = PASS_BITS + WORD_BITS;
  localparam int unsigned ROW_BITS = ROWS > 1 ? $clog2(ROWS) : 1;
  localparam int unsigned GATHERED_BITS = $clog2(OUT_LANES + 1);
  // From the read of a sum until it may be read again, with some to spare.
  localparam int unsigned SHORT_LOG2_N = 3;

  typedef enum logic [1:0] {
    IDLE,
    MIX,
    READ_OUT
  } state_t;

  state_t state_q;
  logic [M_BITS-1:0] m_q;
  logic [WORD_BITS-1:0] last_word_q;
  logic is_short_q;

  // A word of values as it comes together.
  logic [OUT_LANES*IN_BITS-1:0] gathered_q, gathered_d;
  logic [GATHERED_BITS-1:0] gathered_count_q;
  logic gathered_all, accept;

  // The next word's place, and the word that is added.
  logic [M_BITS-1:0] next_chunk_q;
  logic [WORD_BITS-1:0] next_word_q;
  logic is_all_loaded_q, load;
  logic busy_q, is_first_q, is_last_pass;
  logic [OUT_LANES*IN_BITS-1:0] value_q;
  logic [WORD_BITS-1:0] word_q;
  logic [PASS_BITS-1:0] pass_q;
  logic [M_BITS-1:0] rows_left_q;
  logic [MAX_M-1:0] column_q, signs_q[2**SIGN_ADDRESS_BITS];

  // Reading out.
  logic [M_BITS-1:0] out_chunk_q;
  logic [WORD_BITS-1:0] out_word_q;
  logic [PASS_BITS-1:0] out_pass_q;
  logic [ROW_BITS-1:0] out_row_q;
  logic is_all_read_q, has_room, read_out, out_is_last_word, out_is_last;

  // Pipeline of the sums: 1, the word as read; 2, in the memory's second register; 3, the sum.
  logic [ADDRESS_BITS-1:0] read_address, address1_q, address2_q, address3_q;
  logic valid1_q, valid2_q, valid3_q;
  logic first1_q, first2_q;
  logic [OUT_LANES*IN_BITS-1:0] value1_q, value2_q;
  logic [ROWS-1:0] minus1_q, minus2_q;
  logic out1_q, out2_q, out3_q;
  logic last1_q, last2_q, last3_q;
  logic [ROW_BITS-1:0] row1_q, row2_q;
  logic [ROWS*WORD_OUT_BITS-1:0] sums2;
  logic [WORD_OUT_BITS-1:0] out_word3_q;
  logic is_pipeline_empty;

  assign start_ready_o = state_q == IDLE;

  always_ff @(posedge clk_i) begin
    if (signs_write_i) signs_q[signs_address_i] <= signs_i;
  end

  // Gathering.
  assign gathered_all = gathered_count_q == GATHERED_BITS'(OUT_LANES);
  assign t_ready_o = state_q == MIX && (!gathered_all || load);
  assign accept = t_valid_i && t_ready_o;

  if (OUT_LANES > 1) begin : gen_gather
    assign gathered_d = {t_i, gathered_q[OUT_LANES*IN_BITS-1:IN_BITS]};
  end else begin : gen_gather_one
    assign gathered_d = t_i;
  end

  always_ff @(posedge clk_i) begin
    if (accept) gathered_q <= gathered_d;
  end

  always_ff @(posedge clk_i) begin
    if (!rst_ni) gathered_count_q <= '0;
    else gathered_count_q <= (load ? '0 : gathered_count_q) + GATHERED_BITS'(accept);
  end

  // Passes.
  assign is_last_pass = rows_left_q <= M_BITS'(ROWS);
  assign is_pipeline_empty = !(busy_q || valid1_q || valid2_q || valid3_q);
  assign load = gathered_all && (!busy_q || is_last_pass) &&
                !(is_short_q && next_word_q == '0 && !is_pipeline_empty);

  always_ff @(posedge clk_i) begin
    if (load) begin
      value_q     <= gathered_q;
      word_q      <= next_word_q;
      is_first_q  <= next_chunk_q == '0;
      column_q    <= signs_q[SIGN_ADDRESS_BITS'(next_chunk_q)];
      pass_q      <= '0;
      rows_left_q <= m_q;
    end else begin
      column_q    <= column_q >> ROWS;
      pass_q      <= pass_q + PASS_BITS'(1);
      rows_left_q <= rows_left_q - M_BITS'(ROWS);
    end
  end

  always_ff @(posedge clk_i) begin
    if (!rst_ni) begin
      busy_q          <= 1'b0;
      next_chunk_q    <= '0;
      next_word_q     <= '0;
      is_all_loaded_q <= 1'b0;
    end else begin
      busy_q <= load || (busy_q && !is_last_pass);
      if (state_q != MIX) begin
        next_chunk_q    <= '0;
        next_word_q     <= '0;
        is_all_loaded_q <= 1'b0;
      end else if (load) begin
        if (next_word_q == last_word_q) begin
          next_word_q     <= '0;
          next_chunk_q    <= next_chunk_q + M_BITS'(1);
          is_all_loaded_q <= next_chunk_q == m_q - M_BITS'(1);
        end else begin
          next_word_q <= next_word_q + WORD_BITS'(1);
        end
      end
    end
  end

  always_ff @(posedge clk_i) begin
    if (!rst_ni) begin
      state_q <= IDLE;
    end else begin
      case (state_q)
        IDLE: if (start_valid_i) state_q <= MIX;
        MIX: if (is_all_loaded_q && is_pipeline_empty) state_q <= READ_OUT;
        default: if (y_valid_o && y_ready_i && y_last_o) state_q <= IDLE;
      endcase
    end
  end

  always_ff @(posedge clk_i) begin
    if (start_ready_o) begin
      m_q         <= m_i;
      last_word_q <= WORD_BITS'((MAX_N'(1) << log2_n_i) / MAX_N'(OUT_LANES) - MAX_N'(1));
      is_short_q  <= log2_n_i < LOG2_N_BITS'(SHORT_LOG2_N);
    end
  end

  // Reading out: the chunks in order, those of a pass from one row after the other.
  assign read_out = state_q == READ_OUT && !is_all_read_q && has_room;
  assign out_is_last_word = out_word_q == last_word_q;
  assign out_is_last = out_is_last_word && out_chunk_q == m_q - M_BITS'(1);

  always_ff @(posedge clk_i) begin
    if (state_q != READ_OUT) begin
      is_all_read_q <= 1'b0;
      out_chunk_q   <= '0;
      out_word_q    <= '0;
      out_pass_q    <= '0;
      out_row_q     <= '0;
    end else if (read_out) begin
      is_all_read_q <= out_is_last;
      out_word_q    <= out_is_last_word ? '0 : out_word_q + WORD_BITS'(1);
      if (out_is_last_word) begin
        out_chunk_q <= out_chunk_q + M_BITS'(1);
        if (out_row_q == ROW_BITS'(ROWS - 1)) begin
          out_row_q  <= '0;
          out_pass_q <= out_pass_q + PASS_BITS'(1);
        end else begin
          out_row_q <= out_row_q + ROW_BITS'(1);
        end
      end
    end
  end

  // The pipeline.
  assign read_address = state_q == READ_OUT ? {out_pass_q, out_word_q} : {pass_q, word_q};

  always_ff @(posedge clk_i) begin
    address1_q  <= read_address;
    first1_q    <= is_first_q;
    value1_q    <= value_q;
    minus1_q    <= column_q[ROWS-1:0];
    row1_q      <= out_row_q;
    last1_q     <= out_is_last;
    address2_q  <= address1_q;
    first2_q    <= first1_q;
    value2_q    <= value1_q;
    minus2_q    <= minus1_q;
    row2_q      <= row1_q;
    last2_q     <= last1_q;
    address3_q  <= address2_q;
    last3_q     <= last2_q;
    out_word3_q <= sums2[row2_q*WORD_OUT_BITS+:WORD_OUT_BITS];
  end

  always_ff @(posedge clk_i) begin
    if (!rst_ni) begin
      {valid1_q, valid2_q, valid3_q} <= '0;
      {out1_q, out2_q, out3_q} <= '0;
    end else begin
      {valid1_q, valid2_q, valid3_q} <= {busy_q, valid1_q, valid2_q};
      {out1_q, out2_q, out3_q} <= {read_out, out1_q, out2_q};
    end
  end

  for (genvar r = 0; r < ROWS; r++) begin : gen_row
    logic [WORD_OUT_BITS-1:0] memory_q[PASSES * WORDS];
    logic [WORD_OUT_BITS-1:0] read1_q, read2_q, sum3_q;

    always_ff @(posedge clk_i) begin
      if (valid3_q) memory_q[address3_q] <= sum3_q;
      read1_q <= memory_q[read_address];
    end

    always_ff @(posedge clk_i) begin
      read2_q <= read1_q;
      for (int unsigned i = 0; i < OUT_LANES; i++) begin
        sum3_q[i*OUT_BITS+:OUT_BITS] <= (first2_q ? '0 : read2_q[i*OUT_BITS+:OUT_BITS]) +
            (OUT_BITS'(signed'(value2_q[i*IN_BITS+:IN_BITS])) ^ {OUT_BITS{minus2_q[r]}}) +
            OUT_BITS'(minus2_q[r]);
      end
    end

    assign sums2[r*WORD_OUT_BITS+:WORD_OUT_BITS] = read2_q;
  end

  lm_credit_fifo #(
      .WIDTH(WORD_OUT_BITS + 1),
      .DEPTH(8)
  ) u_results (
      .clk_i,
      .rst_ni,
      .has_room_o(has_room),
      .reserve_i (read_out),
      .push_i    (out3_q),
      .data_i    ({last3_q, out_word3_q}),
      .valid_o   (y_valid_o),
      .ready_i   (y_ready_i),
      .data_o    ({y_last_o, y_o})
  );
endmodule

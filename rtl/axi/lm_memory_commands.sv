// What the memory ports have to move for a token: the header of the parameters first, then, when it
// is known, all the rest in as few commands as there are pieces (docs/memory-map.md). The state is
// written in two pieces for each head, as the exponents of its rows are known last and lie first.
`include "lm_assert.svh"

module lm_memory_commands #(
    parameter int unsigned WEIGHT_CHANNELS = 1,
    parameter int unsigned STATE_CHANNELS = 1,
    parameter int unsigned SSM_UNITS = 1,   // each has as many of the state's channels and of heads
    parameter int unsigned STATE_BITS = 64  // of a channel's word
) (
    input  logic clk_i,
    input  logic rst_ni,
    input  logic start_i,
    // verilator lint_off UNUSEDSIGNAL
    input  logic [31:0] token_i,  // below 2^20
    // verilator lint_on UNUSEDSIGNAL
    input  logic write_logits_i,
    output logic is_idle_o,

    input  logic        header_done_i,
    input  logic [15:0] n_layer_i,
    input  logic [15:0] nheads_i,
    input  logic        has_short_state_i,  // codes of 8 bits, not 16
    input  logic [31:0] vocab_size_i,
    input  logic [31:0] weight_words_i,
    input  logic [31:0] param_records_i,
    // verilator lint_off UNUSEDSIGNAL
    input  logic [31:0] embedding_records_i,  // below 2^16
    // verilator lint_on UNUSEDSIGNAL

    input  logic [63:0]                  params_address_i,
    input  logic [63:0]                  embedding_address_i,
    input  logic [63:0]                  conv_state_address_i,
    input  logic [63:0]                  logits_address_i,
    input  logic [64*STATE_CHANNELS-1:0] state_address_i,

    // All channels of a kind take a command at once.
    output logic                         weights_valid_o,
    input  logic [WEIGHT_CHANNELS-1:0]   weights_ready_i,
    output logic [31:0]                  weights_words_o,
    output logic                         params_valid_o,
    input  logic                         params_ready_i,
    output logic [63:0]                  params_address_o,
    output logic [31:0]                  params_words_o,
    output logic                         conv_read_valid_o,
    input  logic                         conv_read_ready_i,
    output logic [31:0]                  conv_read_words_o,
    output logic                         conv_write_valid_o,
    input  logic                         conv_write_ready_i,
    output logic [63:0]                  conv_write_address_o,
    output logic [31:0]                  conv_write_words_o,
    output logic                         state_read_valid_o,
    input  logic [STATE_CHANNELS-1:0]    state_read_ready_i,
    output logic [31:0]                  state_read_words_o,
    output logic                         state_write_valid_o,
    input  logic [STATE_CHANNELS-1:0]    state_write_ready_i,
    output logic [64*STATE_CHANNELS-1:0] state_write_address_o,
    output logic [31:0]                  state_write_words_o
);
  localparam int unsigned ROWS = 64;
  localparam int unsigned ROW_BITS =
      128 * lightmamba_pkg::STATE_BITS * SSM_UNITS / STATE_CHANNELS;
  localparam int unsigned EXPONENT_WORDS = ROWS * 8 / STATE_BITS;
  localparam int unsigned CODE_WORDS = ROWS * ROW_BITS / STATE_BITS;
  localparam int unsigned EXPONENT_BYTES = ROWS;
  localparam int unsigned HEAD_BYTES = EXPONENT_BYTES + ROWS * ROW_BITS / 8;
  localparam int unsigned SHORT_CODE_WORDS =
      CODE_WORDS * lightmamba_pkg::SHORT_STATE_BITS / lightmamba_pkg::STATE_BITS;
  localparam int unsigned SHORT_HEAD_BYTES = EXPONENT_BYTES + SHORT_CODE_WORDS * STATE_BITS / 8;
  localparam int unsigned BC_CHANNELS = 256;

  // Products that sizes and addresses need, one after the other.
  logic [2:0] step_q;
  logic [31:0] heads_q, conv_words_q, state_words_q;  // heads of a channel
  logic [35:0] embedding_offset_q;
  logic are_ready;

  assign are_ready = step_q[2];

  always_ff @(posedge clk_i) begin
    if (!rst_ni) step_q <= '0;
    else step_q <= {step_q[1:0], header_done_i};
    heads_q            <= 32'(n_layer_i) * (32'(nheads_i) >> $clog2(SSM_UNITS));
    conv_words_q       <= 32'(n_layer_i) * ({10'b0, nheads_i, 6'b0} + 32'(BC_CHANNELS));
    embedding_offset_q <= 36'(token_i[19:0]) * 36'(embedding_records_i[15:0]);
    // The factors are powers of two: these are shifts.
    state_words_q      <= heads_q * 32'(EXPONENT_WORDS) +
        (has_short_state_i ? heads_q * 32'(SHORT_CODE_WORDS) : heads_q * 32'(CODE_WORDS));
  end

  // Parameters: the header; a row of the embedding; the rest.
  typedef enum logic [1:0] {
    NONE,
    HEADER,
    ROW,
    REST
  } piece_t;

  piece_t piece_q;
  logic weights_q, conv_read_q, state_read_q, conv_states_q, logits_q, exponents_q, opened_q;
  logic [31:0] heads_left_q;
  logic [64*STATE_CHANNELS-1:0] head_address_q;
  logic [31:0] code_words;
  logic [63:0] head_bytes;
  logic state_written;

  assign weights_valid_o      = weights_q && (&weights_ready_i);
  assign weights_words_o      = weight_words_i;
  assign params_valid_o       = piece_q == HEADER || (piece_q != NONE && opened_q);
  assign conv_read_valid_o    = conv_read_q;
  assign conv_read_words_o    = conv_words_q;
  assign conv_write_valid_o   = conv_states_q || logits_q;
  assign conv_write_address_o = conv_states_q ? conv_state_address_i : logits_address_i;
  assign conv_write_words_o   = conv_states_q ? conv_words_q : (vocab_size_i + 32'd1) >> 1;
  assign state_read_valid_o   = state_read_q && (&state_read_ready_i);
  assign state_read_words_o   = state_words_q;
  assign state_write_valid_o  = heads_left_q != '0 && (&state_write_ready_i);
  assign state_write_words_o  = exponents_q ? 32'(EXPONENT_WORDS) : code_words;
  assign code_words           = has_short_state_i ? 32'(SHORT_CODE_WORDS) : 32'(CODE_WORDS);
  assign head_bytes           = has_short_state_i ? 64'(SHORT_HEAD_BYTES) : 64'(HEAD_BYTES);
  assign state_written        = state_write_valid_o && exponents_q;

  for (genvar c = 0; c < STATE_CHANNELS; c++) begin : gen_channel
    assign state_write_address_o[64*c+:64] =
        head_address_q[64*c+:64] + (exponents_q ? 64'd0 : 64'(EXPONENT_BYTES));
    always_ff @(posedge clk_i) begin
      if (are_ready) head_address_q[64*c+:64] <= state_address_i[64*c+:64];
      else if (state_written) begin
        head_address_q[64*c+:64] <= head_address_q[64*c+:64] + head_bytes;
      end
    end
  end

  always_comb begin
    case (piece_q)
      ROW: begin
        params_address_o = embedding_address_i + 64'({embedding_offset_q, 4'b0});
        params_words_o   = embedding_records_i;
      end
      REST: begin
        params_address_o = params_address_i + 64'd64;
        params_words_o   = param_records_i;
      end
      default: begin
        params_address_o = params_address_i;
        params_words_o   = 32'd4;
      end
    endcase
  end

  // The header comes alone; if it is of no use, nothing follows.
  assign is_idle_o = !(start_i || (|step_q) || weights_q || conv_read_q || state_read_q ||
                       conv_states_q || logits_q || heads_left_q != '0);

  always_ff @(posedge clk_i) begin
    if (!rst_ni) begin
      piece_q       <= NONE;
      opened_q      <= 1'b0;
      weights_q     <= 1'b0;
      conv_read_q   <= 1'b0;
      state_read_q  <= 1'b0;
      conv_states_q <= 1'b0;
      logits_q      <= 1'b0;
      exponents_q   <= 1'b0;
      heads_left_q  <= '0;
    end else begin
      if (start_i) begin
        piece_q  <= HEADER;
        opened_q <= 1'b0;
      end else if (params_valid_o && params_ready_i) begin
        piece_q <= piece_q == HEADER ? ROW : (piece_q == ROW ? REST : NONE);
      end
      if (are_ready) begin
        opened_q      <= 1'b1;
        weights_q     <= 1'b1;
        conv_read_q   <= 1'b1;
        state_read_q  <= 1'b1;
        conv_states_q <= 1'b1;
        logits_q      <= write_logits_i;
        exponents_q   <= 1'b0;
        heads_left_q  <= heads_q;
      end else begin
        if (weights_valid_o) weights_q <= 1'b0;
        if (conv_read_ready_i) conv_read_q <= 1'b0;
        if (state_read_valid_o) state_read_q <= 1'b0;
        if (conv_write_ready_i) begin
          conv_states_q <= 1'b0;
          if (!conv_states_q) logits_q <= 1'b0;
        end
        if (state_write_valid_o) begin
          exponents_q <= !exponents_q;
          if (exponents_q) heads_left_q <= heads_left_q - 32'd1;
        end
      end
    end
  end

  `LM_ASSERT_START(starts_when_done,
                   start_i, heads_left_q == '0 && !weights_q && !conv_read_q && !state_read_q &&
                   !conv_states_q && !logits_q)
endmodule

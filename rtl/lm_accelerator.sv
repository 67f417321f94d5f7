// The accelerator: the core behind AXI4 masters and the control registers of docs/memory-map.md.
// Ports of several channels lie side by side, channel 0 lowest.
module lm_accelerator #(
    parameter int unsigned ROWS = 2,             // of the matrix unit, a power of two
    parameter int unsigned COLUMNS = 32,
    parameter int unsigned USE_DSP = 1,
    parameter int unsigned WEIGHT_CHANNELS = 1,
    parameter int unsigned WEIGHT_DEPTH = 4096,  // words that a channel's FIFO runs ahead
    parameter WEIGHT_RAM_STYLE = "ultra",
    parameter int unsigned Z_STREAM = 0,         // 1: the sums of z have a stream of their own
    parameter int unsigned SSM_LANES = 4,
    parameter int unsigned SSM_UNITS = 1,        // that share the lanes
    parameter int unsigned STATE_CHANNELS = 1,
    parameter int unsigned MIX_LANES = 2,        // of the Hadamard transform
    parameter int unsigned OUT_LANES = 1,
    parameter int unsigned QUEUE_DEPTH = 256,    // of x and z; in the checkpoint's order d_inner
    parameter int unsigned CHECKPOINT_ORDER = 0,       // of the rows of in_proj; an ablation
    localparam int unsigned WEIGHT_BITS = 4 * ROWS * COLUMNS / WEIGHT_CHANNELS,
    localparam int unsigned STATE_BITS = SSM_LANES * lightmamba_pkg::STATE_BITS / STATE_CHANNELS,
    localparam int unsigned PARAM_BITS = 128,
    localparam int unsigned CONV_BITS = 64
) (
    input  logic ap_clk,
    input  logic ap_rst_n,
    // verilator lint_off SYMRSVDWORD
    output logic interrupt,  // as Vitis names it
    // verilator lint_on SYMRSVDWORD

    input  logic        s_axi_control_awvalid,
    output logic        s_axi_control_awready,
    input  logic [11:0] s_axi_control_awaddr,
    input  logic        s_axi_control_wvalid,
    output logic        s_axi_control_wready,
    input  logic [31:0] s_axi_control_wdata,
    input  logic [3:0]  s_axi_control_wstrb,
    output logic        s_axi_control_bvalid,
    input  logic        s_axi_control_bready,
    output logic [1:0]  s_axi_control_bresp,
    input  logic        s_axi_control_arvalid,
    output logic        s_axi_control_arready,
    input  logic [11:0] s_axi_control_araddr,
    output logic        s_axi_control_rvalid,
    input  logic        s_axi_control_rready,
    output logic [31:0] s_axi_control_rdata,
    output logic [1:0]  s_axi_control_rresp,

    output logic [WEIGHT_CHANNELS-1:0]    m_axi_weights_arvalid,
    input  logic [WEIGHT_CHANNELS-1:0]    m_axi_weights_arready,
    output logic [64*WEIGHT_CHANNELS-1:0] m_axi_weights_araddr,
    output logic [8*WEIGHT_CHANNELS-1:0]  m_axi_weights_arlen,
    output logic [3*WEIGHT_CHANNELS-1:0]  m_axi_weights_arsize,
    output logic [2*WEIGHT_CHANNELS-1:0]  m_axi_weights_arburst,
    input  logic [WEIGHT_CHANNELS-1:0]    m_axi_weights_rvalid,
    output logic [WEIGHT_CHANNELS-1:0]    m_axi_weights_rready,
    input  logic [WEIGHT_BITS*WEIGHT_CHANNELS-1:0] m_axi_weights_rdata,
    input  logic [2*WEIGHT_CHANNELS-1:0]  m_axi_weights_rresp,
    input  logic [WEIGHT_CHANNELS-1:0]    m_axi_weights_rlast,

    output logic [STATE_CHANNELS-1:0]    m_axi_state_arvalid,
    input  logic [STATE_CHANNELS-1:0]    m_axi_state_arready,
    output logic [64*STATE_CHANNELS-1:0] m_axi_state_araddr,
    output logic [8*STATE_CHANNELS-1:0]  m_axi_state_arlen,
    output logic [3*STATE_CHANNELS-1:0]  m_axi_state_arsize,
    output logic [2*STATE_CHANNELS-1:0]  m_axi_state_arburst,
    input  logic [STATE_CHANNELS-1:0]    m_axi_state_rvalid,
    output logic [STATE_CHANNELS-1:0]    m_axi_state_rready,
    input  logic [STATE_BITS*STATE_CHANNELS-1:0] m_axi_state_rdata,
    input  logic [2*STATE_CHANNELS-1:0]  m_axi_state_rresp,
    input  logic [STATE_CHANNELS-1:0]    m_axi_state_rlast,
    output logic [STATE_CHANNELS-1:0]    m_axi_state_awvalid,
    input  logic [STATE_CHANNELS-1:0]    m_axi_state_awready,
    output logic [64*STATE_CHANNELS-1:0] m_axi_state_awaddr,
    output logic [8*STATE_CHANNELS-1:0]  m_axi_state_awlen,
    output logic [3*STATE_CHANNELS-1:0]  m_axi_state_awsize,
    output logic [2*STATE_CHANNELS-1:0]  m_axi_state_awburst,
    output logic [STATE_CHANNELS-1:0]    m_axi_state_wvalid,
    input  logic [STATE_CHANNELS-1:0]    m_axi_state_wready,
    output logic [STATE_BITS*STATE_CHANNELS-1:0] m_axi_state_wdata,
    output logic [STATE_BITS/8*STATE_CHANNELS-1:0] m_axi_state_wstrb,
    output logic [STATE_CHANNELS-1:0]    m_axi_state_wlast,
    input  logic [STATE_CHANNELS-1:0]    m_axi_state_bvalid,
    output logic [STATE_CHANNELS-1:0]    m_axi_state_bready,
    input  logic [2*STATE_CHANNELS-1:0]  m_axi_state_bresp,

    output logic                  m_axi_params_arvalid,
    input  logic                  m_axi_params_arready,
    output logic [63:0]           m_axi_params_araddr,
    output logic [7:0]            m_axi_params_arlen,
    output logic [2:0]            m_axi_params_arsize,
    output logic [1:0]            m_axi_params_arburst,
    input  logic                  m_axi_params_rvalid,
    output logic                  m_axi_params_rready,
    input  logic [PARAM_BITS-1:0] m_axi_params_rdata,
    input  logic [1:0]            m_axi_params_rresp,
    input  logic                  m_axi_params_rlast,

    output logic                   m_axi_conv_state_arvalid,
    input  logic                   m_axi_conv_state_arready,
    output logic [63:0]            m_axi_conv_state_araddr,
    output logic [7:0]             m_axi_conv_state_arlen,
    output logic [2:0]             m_axi_conv_state_arsize,
    output logic [1:0]             m_axi_conv_state_arburst,
    input  logic                   m_axi_conv_state_rvalid,
    output logic                   m_axi_conv_state_rready,
    input  logic [CONV_BITS-1:0]   m_axi_conv_state_rdata,
    input  logic [1:0]             m_axi_conv_state_rresp,
    input  logic                   m_axi_conv_state_rlast,
    output logic                   m_axi_conv_state_awvalid,
    input  logic                   m_axi_conv_state_awready,
    output logic [63:0]            m_axi_conv_state_awaddr,
    output logic [7:0]             m_axi_conv_state_awlen,
    output logic [2:0]             m_axi_conv_state_awsize,
    output logic [1:0]             m_axi_conv_state_awburst,
    output logic                   m_axi_conv_state_wvalid,
    input  logic                   m_axi_conv_state_wready,
    output logic [CONV_BITS-1:0]   m_axi_conv_state_wdata,
    output logic [CONV_BITS/8-1:0] m_axi_conv_state_wstrb,
    output logic                   m_axi_conv_state_wlast,
    input  logic                   m_axi_conv_state_bvalid,
    output logic                   m_axi_conv_state_bready,
    input  logic [1:0]             m_axi_conv_state_bresp
);
  localparam int unsigned UNIT_CHANNELS = STATE_CHANNELS / SSM_UNITS;
  // A burst of the state is a kilobyte at most where words are narrow.
  localparam int unsigned STATE_BURST = STATE_BITS <= 128 ? 64 : 32768 / STATE_BITS;
  localparam int unsigned BURST = 64;
  localparam logic [1:0] INCREMENTING = 2'b01;

  assign m_axi_weights_arsize     = {WEIGHT_CHANNELS{3'($clog2(WEIGHT_BITS / 8))}};
  assign m_axi_weights_arburst    = {WEIGHT_CHANNELS{INCREMENTING}};
  assign m_axi_state_arsize       = {STATE_CHANNELS{3'($clog2(STATE_BITS / 8))}};
  assign m_axi_state_arburst      = {STATE_CHANNELS{INCREMENTING}};
  assign m_axi_state_awsize       = m_axi_state_arsize;
  assign m_axi_state_awburst      = m_axi_state_arburst;
  assign m_axi_state_wstrb        = '1;
  assign m_axi_params_arsize      = 3'($clog2(PARAM_BITS / 8));
  assign m_axi_params_arburst     = INCREMENTING;
  assign m_axi_conv_state_arsize  = 3'($clog2(CONV_BITS / 8));
  assign m_axi_conv_state_arburst = INCREMENTING;
  assign m_axi_conv_state_awsize  = m_axi_conv_state_arsize;
  assign m_axi_conv_state_awburst = INCREMENTING;
  assign m_axi_conv_state_wstrb   = '1;

  logic start, done, bus_error_q;
  logic [31:0] token, position, next_token, next_logit;
  logic [1:0] flags, core_errors;
  logic [63:0] params_address, embedding_address, conv_state_address, logits_address;
  logic [64*STATE_CHANNELS-1:0] state_address;
  logic [64*WEIGHT_CHANNELS-1:0] weights_address;
  logic [8*64-1:0] counters;

  lm_control_registers #(
      .WEIGHT_CHANNELS(WEIGHT_CHANNELS),
      .STATE_CHANNELS (STATE_CHANNELS)
  ) u_control (
      .clk_i               (ap_clk),
      .rst_ni              (ap_rst_n),
      .s_aw_valid_i        (s_axi_control_awvalid),
      .s_aw_ready_o        (s_axi_control_awready),
      .s_aw_address_i      (s_axi_control_awaddr),
      .s_w_valid_i         (s_axi_control_wvalid),
      .s_w_ready_o         (s_axi_control_wready),
      .s_w_data_i          (s_axi_control_wdata),
      .s_w_strobe_i        (s_axi_control_wstrb),
      .s_b_valid_o         (s_axi_control_bvalid),
      .s_b_ready_i         (s_axi_control_bready),
      .s_b_response_o      (s_axi_control_bresp),
      .s_ar_valid_i        (s_axi_control_arvalid),
      .s_ar_ready_o        (s_axi_control_arready),
      .s_ar_address_i      (s_axi_control_araddr),
      .s_r_valid_o         (s_axi_control_rvalid),
      .s_r_ready_i         (s_axi_control_rready),
      .s_r_data_o          (s_axi_control_rdata),
      .s_r_response_o      (s_axi_control_rresp),
      .interrupt_o         (interrupt),
      .start_o             (start),
      .token_o             (token),
      .position_o          (position),
      .flags_o             (flags),
      .params_address_o    (params_address),
      .embedding_address_o (embedding_address),
      .conv_state_address_o(conv_state_address),
      .logits_address_o    (logits_address),
      .state_address_o     (state_address),
      .weights_address_o   (weights_address),
      .done_i              (done),
      .next_token_i        (next_token),
      .next_logit_i        (next_logit),
      .errors_i            ({bus_error_q, core_errors}),
      .counters_i          (counters)
  );

  // What a token needs of the memory.
  logic commands_idle, header_done;
  // verilator lint_off UNUSEDSIGNAL
  lm_types_pkg::header_t header;
  // verilator lint_on UNUSEDSIGNAL
  logic [31:0] weight_words;
  logic weights_start, params_start, conv_read_start, conv_write_start, state_read_start,
      state_write_start;
  logic params_start_ready, conv_read_start_ready, conv_write_start_ready;
  logic [WEIGHT_CHANNELS-1:0] weights_start_ready;
  logic [STATE_CHANNELS-1:0] state_read_start_ready, state_write_start_ready;
  logic [31:0] weights_words, params_words, conv_read_words, conv_write_words, state_read_words,
      state_write_words;
  logic [63:0] params_piece_address, conv_write_address;
  logic [64*STATE_CHANNELS-1:0] state_write_address;

  lm_memory_commands #(
      .WEIGHT_CHANNELS(WEIGHT_CHANNELS),
      .STATE_CHANNELS (STATE_CHANNELS),
      .SSM_UNITS      (SSM_UNITS),
      .STATE_BITS     (STATE_BITS)
  ) u_commands (
      .clk_i                (ap_clk),
      .rst_ni               (ap_rst_n),
      .start_i              (start),
      .token_i              (token),
      .write_logits_i       (&flags),
      .is_idle_o            (commands_idle),
      .header_done_i        (header_done),
      .n_layer_i            (header.n_layer),
      .nheads_i             (header.nheads),
      .has_short_state_i    (header.has_short_state),
      .vocab_size_i         (header.vocab_size),
      .weight_words_i       (weight_words),
      .param_records_i      (header.param_records),
      .embedding_records_i  (header.embedding_records),
      .params_address_i     (params_address),
      .embedding_address_i  (embedding_address),
      .conv_state_address_i (conv_state_address),
      .logits_address_i     (logits_address),
      .state_address_i      (state_address),
      .weights_valid_o      (weights_start),
      .weights_ready_i      (weights_start_ready),
      .weights_words_o      (weights_words),
      .params_valid_o       (params_start),
      .params_ready_i       (params_start_ready),
      .params_address_o     (params_piece_address),
      .params_words_o       (params_words),
      .conv_read_valid_o    (conv_read_start),
      .conv_read_ready_i    (conv_read_start_ready),
      .conv_read_words_o    (conv_read_words),
      .conv_write_valid_o   (conv_write_start),
      .conv_write_ready_i   (conv_write_start_ready),
      .conv_write_address_o (conv_write_address),
      .conv_write_words_o   (conv_write_words),
      .state_read_valid_o   (state_read_start),
      .state_read_ready_i   (state_read_start_ready),
      .state_read_words_o   (state_read_words),
      .state_write_valid_o  (state_write_start),
      .state_write_ready_i  (state_write_start_ready),
      .state_write_address_o(state_write_address),
      .state_write_words_o  (state_write_words)
  );

  // The streams.
  logic [WEIGHT_CHANNELS-1:0] weights_valid, weights_ready, weights_error;
  logic [WEIGHT_CHANNELS*WEIGHT_BITS-1:0] weights;
  logic params_valid, params_ready, params_error;
  logic [PARAM_BITS-1:0] params;
  logic conv_state_valid, conv_state_ready, new_conv_state_valid, new_conv_state_ready, conv_idle;
  logic conv_read_error, conv_write_error;
  logic [CONV_BITS-1:0] conv_state, new_conv_state;
  logic [STATE_CHANNELS-1:0] state_valid, state_has_room, state_idle, state_read_error,
      state_write_error;
  logic [STATE_CHANNELS*STATE_BITS-1:0] state, new_state;
  logic [SSM_UNITS-1:0] state_ready, states_valid, states_have_room, new_state_valid;

  for (genvar c = 0; c < WEIGHT_CHANNELS; c++) begin : gen_weights
    lm_axi_read_stream #(
        .DATA_BITS(WEIGHT_BITS),
        .DEPTH    (WEIGHT_DEPTH),
        .RAM_STYLE(WEIGHT_RAM_STYLE)
    ) u_reader (
        .clk_i          (ap_clk),
        .rst_ni         (ap_rst_n),
        .start_valid_i  (weights_start),
        .start_ready_o  (weights_start_ready[c]),
        .start_address_i(weights_address[64*c+:64]),
        .start_words_i  (weights_words),
        .valid_o        (weights_valid[c]),
        .ready_i        (weights_ready[c]),
        .data_o         (weights[WEIGHT_BITS*c+:WEIGHT_BITS]),
        .error_o        (weights_error[c]),
        .ar_valid_o     (m_axi_weights_arvalid[c]),
        .ar_ready_i     (m_axi_weights_arready[c]),
        .ar_address_o   (m_axi_weights_araddr[64*c+:64]),
        .ar_length_o    (m_axi_weights_arlen[8*c+:8]),
        .r_valid_i      (m_axi_weights_rvalid[c]),
        .r_ready_o      (m_axi_weights_rready[c]),
        .r_data_i       (m_axi_weights_rdata[WEIGHT_BITS*c+:WEIGHT_BITS]),
        .r_response_i   (m_axi_weights_rresp[2*c+:2]),
        .r_last_i       (m_axi_weights_rlast[c])
    );
  end

  lm_axi_read_stream #(
      .DATA_BITS(PARAM_BITS),
      .DEPTH    (4 * BURST),
      .BURST    (BURST)
  ) u_params_reader (
      .clk_i          (ap_clk),
      .rst_ni         (ap_rst_n),
      .start_valid_i  (params_start),
      .start_ready_o  (params_start_ready),
      .start_address_i(params_piece_address),
      .start_words_i  (params_words),
      .valid_o        (params_valid),
      .ready_i        (params_ready),
      .data_o         (params),
      .error_o        (params_error),
      .ar_valid_o     (m_axi_params_arvalid),
      .ar_ready_i     (m_axi_params_arready),
      .ar_address_o   (m_axi_params_araddr),
      .ar_length_o    (m_axi_params_arlen),
      .r_valid_i      (m_axi_params_rvalid),
      .r_ready_o      (m_axi_params_rready),
      .r_data_i       (m_axi_params_rdata),
      .r_response_i   (m_axi_params_rresp),
      .r_last_i       (m_axi_params_rlast)
  );

  lm_axi_read_stream #(
      .DATA_BITS(CONV_BITS),
      .DEPTH    (4 * BURST),
      .BURST    (BURST)
  ) u_conv_reader (
      .clk_i          (ap_clk),
      .rst_ni         (ap_rst_n),
      .start_valid_i  (conv_read_start),
      .start_ready_o  (conv_read_start_ready),
      .start_address_i(conv_state_address),
      .start_words_i  (conv_read_words),
      .valid_o        (conv_state_valid),
      .ready_i        (conv_state_ready),
      .data_o         (conv_state),
      .error_o        (conv_read_error),
      .ar_valid_o     (m_axi_conv_state_arvalid),
      .ar_ready_i     (m_axi_conv_state_arready),
      .ar_address_o   (m_axi_conv_state_araddr),
      .ar_length_o    (m_axi_conv_state_arlen),
      .r_valid_i      (m_axi_conv_state_rvalid),
      .r_ready_o      (m_axi_conv_state_rready),
      .r_data_i       (m_axi_conv_state_rdata),
      .r_response_i   (m_axi_conv_state_rresp),
      .r_last_i       (m_axi_conv_state_rlast)
  );

  lm_axi_write_stream #(
      .DATA_BITS(CONV_BITS),
      .DEPTH    (2 * BURST),
      .BURST    (BURST)
  ) u_conv_writer (
      .clk_i          (ap_clk),
      .rst_ni         (ap_rst_n),
      .start_valid_i  (conv_write_start),
      .start_ready_o  (conv_write_start_ready),
      .start_address_i(conv_write_address),
      .start_words_i  (conv_write_words),
      .valid_i        (new_conv_state_valid),
      .ready_o        (new_conv_state_ready),
      .data_i         (new_conv_state),
      .idle_o         (conv_idle),
      .error_o        (conv_write_error),
      .aw_valid_o     (m_axi_conv_state_awvalid),
      .aw_ready_i     (m_axi_conv_state_awready),
      .aw_address_o   (m_axi_conv_state_awaddr),
      .aw_length_o    (m_axi_conv_state_awlen),
      .w_valid_o      (m_axi_conv_state_wvalid),
      .w_ready_i      (m_axi_conv_state_wready),
      .w_data_o       (m_axi_conv_state_wdata),
      .w_last_o       (m_axi_conv_state_wlast),
      .b_valid_i      (m_axi_conv_state_bvalid),
      .b_ready_o      (m_axi_conv_state_bready),
      .b_response_i   (m_axi_conv_state_bresp)
  );

  // The channels of a unit's state go together.
  for (genvar u = 0; u < SSM_UNITS; u++) begin : gen_unit
    assign states_valid[u]     = &state_valid[u*UNIT_CHANNELS+:UNIT_CHANNELS];
    assign states_have_room[u] = &state_has_room[u*UNIT_CHANNELS+:UNIT_CHANNELS];
  end

  for (genvar c = 0; c < STATE_CHANNELS; c++) begin : gen_state
    lm_axi_read_stream #(
        .DATA_BITS(STATE_BITS),
        .DEPTH    (4 * STATE_BURST),
        .BURST    (STATE_BURST)
    ) u_reader (
        .clk_i          (ap_clk),
        .rst_ni         (ap_rst_n),
        .start_valid_i  (state_read_start),
        .start_ready_o  (state_read_start_ready[c]),
        .start_address_i(state_address[64*c+:64]),
        .start_words_i  (state_read_words),
        .valid_o        (state_valid[c]),
        .ready_i        (state_ready[c/UNIT_CHANNELS] && states_valid[c/UNIT_CHANNELS]),
        .data_o         (state[STATE_BITS*c+:STATE_BITS]),
        .error_o        (state_read_error[c]),
        .ar_valid_o     (m_axi_state_arvalid[c]),
        .ar_ready_i     (m_axi_state_arready[c]),
        .ar_address_o   (m_axi_state_araddr[64*c+:64]),
        .ar_length_o    (m_axi_state_arlen[8*c+:8]),
        .r_valid_i      (m_axi_state_rvalid[c]),
        .r_ready_o      (m_axi_state_rready[c]),
        .r_data_i       (m_axi_state_rdata[STATE_BITS*c+:STATE_BITS]),
        .r_response_i   (m_axi_state_rresp[2*c+:2]),
        .r_last_i       (m_axi_state_rlast[c])
    );

    lm_axi_write_stream #(
        .DATA_BITS(STATE_BITS),
        .DEPTH    (4 * STATE_BURST),
        .BURST    (STATE_BURST)
    ) u_writer (
        .clk_i          (ap_clk),
        .rst_ni         (ap_rst_n),
        .start_valid_i  (state_write_start),
        .start_ready_o  (state_write_start_ready[c]),
        .start_address_i(state_write_address[64*c+:64]),
        .start_words_i  (state_write_words),
        .valid_i        (new_state_valid[c/UNIT_CHANNELS] && states_have_room[c/UNIT_CHANNELS]),
        .ready_o        (state_has_room[c]),
        .data_i         (new_state[STATE_BITS*c+:STATE_BITS]),
        .idle_o         (state_idle[c]),
        .error_o        (state_write_error[c]),
        .aw_valid_o     (m_axi_state_awvalid[c]),
        .aw_ready_i     (m_axi_state_awready[c]),
        .aw_address_o   (m_axi_state_awaddr[64*c+:64]),
        .aw_length_o    (m_axi_state_awlen[8*c+:8]),
        .w_valid_o      (m_axi_state_wvalid[c]),
        .w_ready_i      (m_axi_state_wready[c]),
        .w_data_o       (m_axi_state_wdata[STATE_BITS*c+:STATE_BITS]),
        .w_last_o       (m_axi_state_wlast[c]),
        .b_valid_i      (m_axi_state_bvalid[c]),
        .b_ready_o      (m_axi_state_bready[c]),
        .b_response_i   (m_axi_state_bresp[2*c+:2])
    );
  end

  always_ff @(posedge ap_clk) begin
    if (!ap_rst_n || start) begin
      bus_error_q <= 1'b0;
    end else if ((|weights_error) || params_error || conv_read_error || conv_write_error ||
                 (|state_read_error) || (|state_write_error)) begin
      bus_error_q <= 1'b1;
    end
  end

  lm_core #(
      .ROWS            (ROWS),
      .COLUMNS         (COLUMNS),
      .USE_DSP         (USE_DSP),
      .WEIGHT_CHANNELS (WEIGHT_CHANNELS),
      .Z_STREAM        (Z_STREAM),
      .SSM_LANES       (SSM_LANES),
      .SSM_UNITS       (SSM_UNITS),
      .STATE_CHANNELS  (STATE_CHANNELS),
      .MIX_LANES       (MIX_LANES),
      .OUT_LANES       (OUT_LANES),
      .QUEUE_DEPTH     (QUEUE_DEPTH),
      .CHECKPOINT_ORDER(CHECKPOINT_ORDER)
  ) u_core (
      .clk_i             (ap_clk),
      .rst_ni            (ap_rst_n),
      .start_i           (start),
      .position_i        (position[15:0]),
      .run_lm_head_i     (flags[0]),
      .write_logits_i    (flags[1]),
      .writes_drained_i  (commands_idle && conv_idle && (&state_idle)),
      .done_o            (done),
      .errors_o          (core_errors),
      .next_token_o      (next_token),
      .next_logit_o      (next_logit),
      .counters_o        (counters),
      .header_done_o     (header_done),
      .header_o          (header),
      .weight_words_o    (weight_words),
      .weights_valid_i   (weights_valid),
      .weights_ready_o   (weights_ready),
      .weights_i         (weights),
      .params_valid_i    (params_valid),
      .params_ready_o    (params_ready),
      .params_i          (params),
      .conv_state_valid_i(conv_state_valid),
      .conv_state_ready_o(conv_state_ready),
      .conv_state_i      (conv_state),
      .conv_state_valid_o(new_conv_state_valid),
      .conv_state_ready_i(new_conv_state_ready),
      .conv_state_o      (new_conv_state),
      .state_valid_i     (states_valid),
      .state_ready_o     (state_ready),
      .state_i           (state),
      .state_valid_o     (new_state_valid),
      .state_ready_i     (states_have_room),
      .state_o           (new_state)
  );

  // The dither repeats after 2^16 positions.
  logic unused;
  assign unused = &{1'b0, position[31:16]};
endmodule

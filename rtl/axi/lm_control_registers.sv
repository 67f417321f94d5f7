// The registers of docs/memory-map.md behind AXI4-Lite, with ap_ctrl_hs as Vitis kernels have it. A
// read takes 2 cycles. What has no register reads as 0, and a write there does nothing.
`include "lm_assert.svh"

module lm_control_registers #(
    parameter int unsigned WEIGHT_CHANNELS = 1,  // up to 32
    parameter int unsigned STATE_CHANNELS = 1    // up to 8
) (
    input  logic clk_i,
    input  logic rst_ni,

    input  logic        s_aw_valid_i,
    output logic        s_aw_ready_o,
    input  logic [11:0] s_aw_address_i,
    input  logic        s_w_valid_i,
    output logic        s_w_ready_o,
    input  logic [31:0] s_w_data_i,
    input  logic [3:0]  s_w_strobe_i,
    output logic        s_b_valid_o,
    input  logic        s_b_ready_i,
    output logic [1:0]  s_b_response_o,
    input  logic        s_ar_valid_i,
    output logic        s_ar_ready_o,
    input  logic [11:0] s_ar_address_i,
    output logic        s_r_valid_o,
    input  logic        s_r_ready_i,
    output logic [31:0] s_r_data_o,
    output logic [1:0]  s_r_response_o,
    output logic        interrupt_o,

    output logic                          start_o,  // one cycle; the next ones stay until done_i
    output logic [31:0]                   token_o,
    output logic [31:0]                   position_o,
    output logic [1:0]                    flags_o,  // run the LM head, write the logits
    output logic [63:0]                   params_address_o,
    output logic [63:0]                   embedding_address_o,
    output logic [63:0]                   conv_state_address_o,
    output logic [63:0]                   logits_address_o,
    output logic [64*STATE_CHANNELS-1:0]  state_address_o,
    output logic [64*WEIGHT_CHANNELS-1:0] weights_address_o,

    input  logic            done_i,  // one cycle; what follows keeps after it until the next start
    input  logic [31:0]     next_token_i,
    input  logic [31:0]     next_logit_i,
    input  logic [2:0]      errors_i,
    input  logic [64*8-1:0] counters_i
);
  localparam logic [11:0] CONTROL = lightmamba_pkg::REG_CONTROL;
  localparam logic [11:0] GLOBAL_ENABLE = lightmamba_pkg::REG_GLOBAL_ENABLE;
  localparam logic [11:0] ENABLE = lightmamba_pkg::REG_ENABLE;
  localparam logic [11:0] STATUS = lightmamba_pkg::REG_STATUS;
  localparam logic [11:0] TOKEN = lightmamba_pkg::REG_TOKEN;
  localparam logic [11:0] POSITION = lightmamba_pkg::REG_POSITION;
  localparam logic [11:0] FLAGS = lightmamba_pkg::REG_FLAGS;
  // Addresses, STRIDE bytes apart: four, those of the state, those of the weights.
  localparam logic [11:0] ADDRESSES = lightmamba_pkg::REG_PARAMETERS;
  localparam int unsigned STRIDE = lightmamba_pkg::REG_ADDRESS_STRIDE;
  localparam int unsigned STATE = (32'(lightmamba_pkg::REG_SSM_STATE) - 32'(ADDRESSES)) / STRIDE;
  localparam int unsigned WEIGHTS = (32'(lightmamba_pkg::REG_WEIGHTS) - 32'(ADDRESSES)) / STRIDE;
  localparam logic [11:0] NEXT_TOKEN = lightmamba_pkg::REG_NEXT_TOKEN;
  localparam logic [11:0] NEXT_LOGIT = lightmamba_pkg::REG_NEXT_LOGIT;
  localparam logic [11:0] ERRORS = lightmamba_pkg::REG_ERRORS;
  localparam logic [11:0] COUNTERS = lightmamba_pkg::REG_COUNTERS;

  // A write happens when its address and its data are here and the last response has gone.
  logic aw_valid_q, w_valid_q, write_fire;
  logic [11:0] aw_address_q;
  logic [31:0] w_data_q, w_mask;
  logic [3:0] w_strobe_q;

  assign s_aw_ready_o   = !aw_valid_q;
  assign s_w_ready_o    = !w_valid_q;
  assign s_b_response_o = 2'b00;
  assign write_fire     = aw_valid_q && w_valid_q && !s_b_valid_o;

  for (genvar i = 0; i < 4; i++) begin : gen_mask
    assign w_mask[8*i+:8] = {8{w_strobe_q[i]}};
  end

  always_ff @(posedge clk_i) begin
    if (s_aw_ready_o) aw_address_q <= {s_aw_address_i[11:2], 2'b00};
    if (s_w_ready_o) begin
      w_data_q   <= s_w_data_i;
      w_strobe_q <= s_w_strobe_i;
    end
    if (!rst_ni) begin
      aw_valid_q  <= 1'b0;
      w_valid_q   <= 1'b0;
      s_b_valid_o <= 1'b0;
    end else begin
      aw_valid_q  <= aw_valid_q ? !write_fire : s_aw_valid_i;
      w_valid_q   <= w_valid_q ? !write_fire : s_w_valid_i;
      s_b_valid_o <= s_b_valid_o ? !s_b_ready_i : write_fire;
    end
  end

  // A read: the address, then the data.
  logic ar_valid_q, read_fire;
  logic [11:0] ar_address_q;
  logic [31:0] read_word;

  assign s_ar_ready_o   = !ar_valid_q;
  assign s_r_response_o = 2'b00;
  assign read_fire      = ar_valid_q && !s_r_valid_o;

  always_ff @(posedge clk_i) begin
    if (s_ar_ready_o) ar_address_q <= {s_ar_address_i[11:2], 2'b00};
    if (read_fire) s_r_data_o <= read_word;
    if (!rst_ni) begin
      ar_valid_q  <= 1'b0;
      s_r_valid_o <= 1'b0;
    end else begin
      ar_valid_q  <= ar_valid_q ? !read_fire : s_ar_valid_i;
      s_r_valid_o <= s_r_valid_o ? !s_r_ready_i : read_fire;
    end
  end

  // Where an event and an access meet, the event counts: done sets what the read clears, and the
  // status is set rather than toggled. A start that is written counts even in the cycle of done.
  logic start_q, busy_q, done_q, ready_q, restarts_q, global_enable_q;
  logic [1:0] enable_q, status_q, toggles;
  logic control_read, control_write;

  assign control_read  = read_fire && ar_address_q == CONTROL;
  assign control_write = write_fire && aw_address_q == CONTROL && w_strobe_q[0];
  assign toggles =
      w_data_q[1:0] & {2{write_fire && aw_address_q == STATUS && w_strobe_q[0]}};
  assign start_o = start_q && !busy_q;

  always_ff @(posedge clk_i) begin
    if (!rst_ni) begin
      start_q         <= 1'b0;
      busy_q          <= 1'b0;
      done_q          <= 1'b0;
      ready_q         <= 1'b0;
      restarts_q      <= 1'b0;
      global_enable_q <= 1'b0;
      enable_q        <= '0;
      status_q        <= '0;
      interrupt_o     <= 1'b0;
    end else begin
      if (control_write && w_data_q[0]) start_q <= 1'b1;
      else if (done_i) start_q <= restarts_q;
      busy_q  <= start_o || (busy_q && !done_i);
      done_q  <= done_i || (done_q && !control_read);
      ready_q <= done_i || (ready_q && !control_read);
      if (control_write) restarts_q <= w_data_q[7];
      if (write_fire && w_strobe_q[0]) begin
        if (aw_address_q == GLOBAL_ENABLE) global_enable_q <= w_data_q[0];
        if (aw_address_q == ENABLE) enable_q <= w_data_q[1:0];
      end
      status_q    <= (status_q ^ toggles) | (enable_q & {2{done_i}});
      interrupt_o <= global_enable_q && status_q != '0;
    end
  end

  // Arguments.
  always_ff @(posedge clk_i) begin
    if (!rst_ni) begin
      token_o    <= '0;
      position_o <= '0;
      flags_o    <= '0;
    end else if (write_fire) begin
      if (aw_address_q == TOKEN) token_o <= (token_o & ~w_mask) | (w_data_q & w_mask);
      if (aw_address_q == POSITION) position_o <= (position_o & ~w_mask) | (w_data_q & w_mask);
      if (aw_address_q == FLAGS && w_strobe_q[0]) flags_o <= w_data_q[1:0];
    end
  end

  // Half an address in each; so far is the OR of what is read of them.
  localparam int unsigned HALVES = 2 * (WEIGHTS + WEIGHT_CHANNELS);
  logic [32*HALVES-1:0] halves;

  for (genvar i = 0; i < HALVES; i++) begin : gen_half
    localparam logic [11:0] OFFSET = ADDRESSES + 12'(STRIDE * (i / 2) + 4 * (i % 2));
    logic [31:0] so_far;

    if (i / 2 < STATE + STATE_CHANNELS || i / 2 >= WEIGHTS) begin : gen_register
      logic [31:0] half_q;
      always_ff @(posedge clk_i) begin
        if (!rst_ni) half_q <= '0;
        else if (write_fire && aw_address_q == OFFSET) begin
          half_q <= (half_q & ~w_mask) | (w_data_q & w_mask);
        end
      end
      assign halves[32*i+:32] = half_q;
    end else begin : gen_none
      assign halves[32*i+:32] = '0;
    end

    if (i == 0) begin : gen_first
      assign so_far = ar_address_q == OFFSET ? halves[32*i+:32] : '0;
    end else begin : gen_next
      assign so_far = gen_half[i-1].so_far | (ar_address_q == OFFSET ? halves[32*i+:32] : '0);
    end
  end

  assign {logits_address_o, conv_state_address_o, embedding_address_o, params_address_o} =
      halves[255:0];
  assign state_address_o   = halves[64*STATE+:64*STATE_CHANNELS];
  assign weights_address_o = halves[64*WEIGHTS+:64*WEIGHT_CHANNELS];

  // The counters' part of the map is aligned to 16 bytes only.
  logic [11:0] counter_offset;
  logic is_counter;
  assign counter_offset = ar_address_q - COUNTERS;
  assign is_counter     = counter_offset[11:6] == '0;

  logic [31:0] other;
  always_comb begin
    case (ar_address_q)
      CONTROL: other = {24'd0, restarts_q, 3'd0, ready_q, !busy_q && !start_q, done_q, start_q};
      GLOBAL_ENABLE: other = {31'd0, global_enable_q};
      ENABLE: other = {30'd0, enable_q};
      STATUS: other = {30'd0, status_q};
      TOKEN: other = token_o;
      POSITION: other = position_o;
      FLAGS: other = {30'd0, flags_o};
      NEXT_TOKEN: other = next_token_i;
      NEXT_LOGIT: other = next_logit_i;
      ERRORS: other = {29'd0, errors_i};
      default: other = is_counter ? counters_i[32*counter_offset[5:2]+:32] : '0;
    endcase
  end

  assign read_word = other | gen_half[HALVES-1].so_far;

  logic unused;
  assign unused = &{1'b0, s_aw_address_i[1:0], s_ar_address_i[1:0], counter_offset[1:0], halves};

  `LM_ASSERT_STREAM(b_holds, s_b_valid_o, s_b_ready_i, s_b_response_o)
  `LM_ASSERT_STREAM(r_holds, s_r_valid_o, s_r_ready_i, {s_r_data_o, s_r_response_o})
endmodule

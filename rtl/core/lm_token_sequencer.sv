// The course of a token. It is a chain of products on the matrix unit: for each layer in_proj with
// the residual and out_proj with what the heads made of it, then the LM head. Each starts when its
// input is quantized; everything between is driven by the data.
`include "lm_assert.svh"

module lm_token_sequencer (
    input  logic clk_i,
    input  logic rst_ni,

    input  logic        start_i,
    input  logic [15:0] position_i,
    input  logic        run_lm_head_i,
    input  logic        writes_drained_i,  // memory has all that was given to it
    output logic        done_o,            // a pulse
    output logic [1:0]  errors_o,          // no image; a shape beyond this core's
    output logic        is_running_o,

    input  logic        header_done_i,    // a pulse; the next three are steady from then on
    input  logic        is_no_image_i,
    input  logic        is_too_large_i,
    input  logic [15:0] n_layer_i,
    output logic        scalars_ready_o,
    input  logic        scalars_taken_i,  // a layer's scalars stand in the next cycle
    input  logic        is_loaded_i,      // the vector of the next product, and its root
    input  logic        logits_done_i,

    output lm_types_pkg::control_t control_o,
    output logic [15:0]            dither_o  // of the first element of the layer's state
);
  // Multipliers of the dither, as those of src/quant/dither.h.
  localparam logic [15:0] DITHER_POSITION = lightmamba_pkg::DITHER_POSITION;
  localparam logic [15:0] DITHER_LAYER = lightmamba_pkg::DITHER_LAYER;

  typedef enum logic [3:0] {
    IDLE,
    HEADER,
    LOAD_EMBEDDING,
    START_IN,
    LOAD_GATED,
    START_OUT,
    LOAD_RESIDUAL,
    START_LM_HEAD,
    LOGITS,
    WRITE
  } state_t;

  state_t state_q, state_d;
  logic [15:0] layer_q, layer_dither_q, position_dither_q;
  logic is_in_proj_q, is_lm_head_q, bank_q;
  logic needs_scalars_q, scalars_taken_q;
  logic product_start, load_start, is_last_layer, is_bad_header;

  assign is_bad_header = is_no_image_i || is_too_large_i;
  assign is_last_layer = layer_q == n_layer_i - 16'd1;

  always_comb begin
    state_d       = state_q;
    load_start    = 1'b0;
    product_start = 1'b0;
    case (state_q)
      IDLE: if (start_i) state_d = HEADER;
      HEADER: begin
        if (header_done_i) state_d = is_bad_header ? WRITE : LOAD_EMBEDDING;
        load_start = header_done_i && !is_bad_header;
      end
      LOAD_EMBEDDING: if (is_loaded_i) state_d = START_IN;
      START_IN: begin
        product_start = 1'b1;
        state_d       = LOAD_GATED;
      end
      LOAD_GATED: begin
        // The layer's scalars have to be there first.
        load_start = scalars_taken_q;
        if (!needs_scalars_q && !scalars_taken_q && is_loaded_i) state_d = START_OUT;
      end
      START_OUT: begin
        product_start = 1'b1;
        load_start    = 1'b1;
        state_d       = LOAD_RESIDUAL;
      end
      LOAD_RESIDUAL: begin
        if (is_loaded_i) begin
          if (!is_last_layer) state_d = START_IN;
          else state_d = run_lm_head_i ? START_LM_HEAD : WRITE;
        end
      end
      START_LM_HEAD: begin
        product_start = 1'b1;
        state_d       = LOGITS;
      end
      LOGITS: if (logits_done_i) state_d = WRITE;
      WRITE: if (writes_drained_i) state_d = IDLE;
      default: state_d = IDLE;
    endcase
  end

  always_ff @(posedge clk_i) begin
    if (!rst_ni) state_q <= IDLE;
    else state_q <= state_d;
    done_o <= rst_ni && state_q == WRITE && writes_drained_i;

    scalars_taken_q <= rst_ni && scalars_taken_i;
    if (!rst_ni) needs_scalars_q <= 1'b0;
    else needs_scalars_q <= state_q == START_IN || (needs_scalars_q && !scalars_taken_i);

    if (!rst_ni || start_i) errors_o <= '0;
    else if (state_q == HEADER && header_done_i) begin
      errors_o <= {is_too_large_i && !is_no_image_i, is_no_image_i};
    end
    if (start_i) begin
      layer_q           <= '0;
      bank_q            <= 1'b0;
      layer_dither_q    <= '0;
      position_dither_q <= position_i * DITHER_POSITION;
    end
    if (state_q == LOAD_RESIDUAL && state_d != LOAD_RESIDUAL) begin
      layer_q        <= layer_q + 16'd1;
      layer_dither_q <= layer_dither_q + DITHER_LAYER;
    end
    if (product_start) begin
      bank_q       <= !bank_q;
      is_in_proj_q <= state_q == START_IN;
      is_lm_head_q <= state_q == START_LM_HEAD;
    end
  end

  // The vector of the next product goes into the bank that the one before does not use.
  assign control_o.product_start  = product_start;
  assign control_o.in_proj_start  = state_q == START_IN;
  assign control_o.out_proj_start = state_q == START_OUT;
  assign control_o.lm_head_start  = state_q == START_LM_HEAD;
  assign control_o.product_bank   = bank_q;
  assign control_o.load_start     = load_start;
  assign control_o.load_rotated   = state_q == LOAD_GATED;
  assign control_o.load_bank      = state_q == START_OUT ? !bank_q : bank_q;
  assign control_o.is_in_proj     = is_in_proj_q;
  assign control_o.is_lm_head     = is_lm_head_q;
  assign control_o.set_residual   = state_q == LOAD_EMBEDDING;
  assign scalars_ready_o          = needs_scalars_q;
  assign dither_o                 = position_dither_q + layer_dither_q;
  assign is_running_o             = state_q != IDLE;

  `LM_ASSERT_START(starts_when_done, start_i, state_q == IDLE)
endmodule

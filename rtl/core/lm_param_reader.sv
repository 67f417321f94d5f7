// The stream of parameters of a token (docs/memory-map.md), taken apart in its order: what the
// header and a layer's scalars say is kept, the rest goes to the units that need it.
module lm_param_reader #(
    parameter int unsigned MAX_D_MODEL = 2560,
    parameter int unsigned MAX_HEADS = 80,
    parameter int unsigned MAX_M = 40,
    parameter int unsigned OUT_LANES = 1,      // of the Hadamard transform
    parameter int unsigned QUEUE_DEPTH = 256,  // of x and z
    parameter int unsigned CHECKPOINT_ORDER = 0,     // of the rows of in_proj; an ablation
    localparam int unsigned SIGN_ADDRESS_BITS = $clog2(MAX_M)
) (
    input  logic         clk_i,
    input  logic         rst_ni,
    input  logic         start_i,
    input  logic         valid_i,
    output logic         ready_o,
    input  logic [127:0] record_i,

    output logic                  header_done_o,  // a pulse; the next three then stay
    output logic                  is_no_image_o,
    output logic                  is_too_large_o,  // or of another order of rows or state
    output lm_types_pkg::header_t header_o,

    // A layer's scalars, which replace those before, are taken when the core says so.
    input  logic                         scalars_ready_i,
    output logic                         scalars_taken_o,  // they stand in the next cycle
    output lm_types_pkg::layer_scalars_t scalars_o,

    output logic                         signs_write_o,
    output logic [SIGN_ADDRESS_BITS-1:0] signs_address_o,
    output logic                         embedding_valid_o,
    input  logic                         embedding_ready_i,
    output logic                         head_valid_o,
    input  logic                         head_ready_i,
    output logic                         conv_valid_o,
    input  logic                         conv_ready_i,
    output logic                         gain_valid_o,
    input  logic                         gain_ready_i
);
  localparam int unsigned GROUP_RECORDS = 5;
  localparam int unsigned BC_RECORDS = 256;
  localparam int unsigned X_RECORDS = 64;
  localparam int unsigned GAIN_RECORDS = 8;
  localparam int unsigned MIN_LOG2_N = OUT_LANES > 2 ? $clog2(OUT_LANES) : 1;

  typedef enum logic [3:0] {
    IDLE,
    HEADER,
    EMBEDDING,
    SIGNS,
    SCALARS,
    HEADS,
    CONV_BC,
    CONV_X,
    GAINS
  } section_t;

  section_t section_q, section_d;
  logic [15:0] left_q, left_d;    // records of the section after this one
  logic [15:0] heads_q, heads_d;  // whose x and gains are to come after this section
  logic [15:0] layers_q, layers_d;
  logic record_fire, section_end;
  lm_types_pkg::header_t header_q;
  lm_types_pkg::layer_scalars_t scalars_q;
  lm_types_pkg::scalars_record_t scalars_record;
  logic [15:0] nheads, d_model, m;
  logic [7:0] log2_n;
  logic [31:0] d_inner;
  logic is_checkpoint_order_q, is_no_state_q;

  assign header_o       = header_q;
  assign scalars_o      = scalars_q;
  assign scalars_record = record_i;
  assign nheads         = header_q.nheads;
  assign d_model        = header_q.d_model;
  assign m              = header_q.hadamard_m;
  assign log2_n         = header_q.log2_hadamard_n;
  assign d_inner        = 32'(nheads) << 6;
  assign record_fire    = valid_i && ready_o;
  assign section_end    = record_fire && left_q == '0;

  assign embedding_valid_o = valid_i && section_q == EMBEDDING;
  assign head_valid_o      = valid_i && section_q == HEADS;
  assign conv_valid_o      = valid_i && (section_q == CONV_BC || section_q == CONV_X);
  assign gain_valid_o      = valid_i && section_q == GAINS;
  assign scalars_taken_o   = record_fire && section_q == SCALARS;
  assign signs_write_o     = valid_i && section_q == SIGNS;
  assign signs_address_o   = SIGN_ADDRESS_BITS'(m - 16'd1 - left_q);

  always_comb begin
    case (section_q)
      IDLE: ready_o = 1'b0;
      EMBEDDING: ready_o = embedding_ready_i;
      HEADS: ready_o = head_ready_i;
      CONV_BC, CONV_X: ready_o = conv_ready_i;
      GAINS: ready_o = gain_ready_i;
      SCALARS: ready_o = scalars_ready_i;
      default: ready_o = 1'b1;
    endcase
  end

  // What follows a section: in the hardware's order the parameters of heads, B and C, then x and
  // gains in turn; in the checkpoint's x of all heads, B and C, heads, gains of all.
  always_comb begin
    section_d = section_q;
    left_d    = left_q - 16'd1;
    heads_d   = heads_q;
    layers_d  = layers_q;
    if (section_end) begin
      case (section_q)
        HEADER: begin
          section_d = EMBEDDING;
          left_d    = 16'(GROUP_RECORDS) * 16'(d_model >> 7) - 16'd1;
          layers_d  = header_q.n_layer - 16'd1;
        end
        EMBEDDING: begin
          section_d = SIGNS;
          left_d    = m - 16'd1;
        end
        SIGNS: begin
          section_d = SCALARS;
          left_d    = '0;
        end
        SCALARS: begin
          section_d = CHECKPOINT_ORDER != 0 ? CONV_X : HEADS;
          left_d    = CHECKPOINT_ORDER != 0 ? 16'(X_RECORDS) * nheads - 16'd1 : nheads - 16'd1;
          heads_d   = nheads - 16'd1;
        end
        HEADS: begin
          section_d = CHECKPOINT_ORDER != 0 ? GAINS : CONV_BC;
          left_d = CHECKPOINT_ORDER != 0 ? 16'(GAIN_RECORDS) * nheads - 16'd1 : 16'(BC_RECORDS - 1);
        end
        CONV_BC: begin
          section_d = CHECKPOINT_ORDER != 0 ? HEADS : CONV_X;
          left_d    = CHECKPOINT_ORDER != 0 ? nheads - 16'd1 : 16'(X_RECORDS - 1);
        end
        CONV_X: begin
          section_d = CHECKPOINT_ORDER != 0 ? CONV_BC : GAINS;
          left_d    = CHECKPOINT_ORDER != 0 ? 16'(BC_RECORDS - 1) : 16'(GAIN_RECORDS - 1);
        end
        default: begin
          if (heads_q != '0 && CHECKPOINT_ORDER == 0) begin
            section_d = CONV_X;
            left_d    = 16'(X_RECORDS - 1);
            heads_d   = heads_q - 16'd1;
          end else begin
            section_d = layers_q == '0 ? IDLE : SCALARS;
            left_d    = '0;
            layers_d  = layers_q - 16'd1;
          end
        end
      endcase
    end
  end

  always_ff @(posedge clk_i) begin
    if (!rst_ni) begin
      section_q <= IDLE;
    end else if (start_i) begin
      section_q <= HEADER;
    end else if (header_done_o && (is_no_image_o || is_too_large_o)) begin
      section_q <= IDLE;
    end else if (record_fire) begin
      section_q <= section_d;
    end
    if (start_i) begin
      left_q <= 16'd3;
    end else if (record_fire) begin
      left_q   <= left_d;
      heads_q  <= heads_d;
      layers_q <= layers_d;
    end
  end

  // The header, the fourth record of which ends it; its fields stand a cycle before the check.
  always_ff @(posedge clk_i) begin
    if (record_fire && section_q == HEADER) begin
      case (left_q[1:0])
        2'd3: begin
          is_no_image_o            <= record_i[31:0] != 32'h314d_414c;
          header_q.n_layer         <= record_i[47:32];
          header_q.nheads          <= record_i[63:48];
          header_q.d_model         <= record_i[79:64];
          header_q.hadamard_m      <= record_i[95:80];
          header_q.log2_hadamard_n <= record_i[103:96];
          is_checkpoint_order_q    <= record_i[104];
          header_q.has_short_state <= record_i[119:112] == 8'(lightmamba_pkg::SHORT_STATE_BITS);
          is_no_state_q            <= record_i[119:112] != 8'(lightmamba_pkg::SHORT_STATE_BITS) &&
              record_i[119:112] != 8'(lightmamba_pkg::STATE_BITS);
        end
        2'd2: begin
          header_q.vocab_size        <= record_i[31:0];
          header_q.weight_words      <= record_i[63:32];
          header_q.param_records     <= record_i[95:64];
          header_q.embedding_records <= record_i[127:96];
        end
        2'd1: begin
          header_q.epsilon       <= record_i[63:0];
          header_q.gated_epsilon <= record_i[127:64];
          is_too_large_o <= header_q.n_layer == '0 || (|header_q.n_layer[15:12]) || nheads == '0 ||
              nheads[0] || nheads > 16'(MAX_HEADS) || d_model == '0 || d_model[6:0] != '0 ||
              d_model > 16'(MAX_D_MODEL) || m == '0 || m > 16'(MAX_M) ||
              log2_n > 8'd7 || log2_n < 8'(MIN_LOG2_N) || 32'(m) << log2_n[2:0] != d_inner ||
              is_no_state_q || header_q.vocab_size == '0 || (|header_q.vocab_size[31:20]) ||
              is_checkpoint_order_q != (CHECKPOINT_ORDER != 0) ||
              (CHECKPOINT_ORDER != 0 && d_inner > 32'(QUEUE_DEPTH));
        end
        default: begin
          header_q.dt_limits                    <= record_i[31:0];
          header_q.residual_fraction_bits       <= record_i[39:32];
          header_q.embedding_shift              <= record_i[47:40];
          header_q.weight_words_without_lm_head <= record_i[127:96];
        end
      endcase
    end
    header_done_o <= rst_ni && section_end && section_q == HEADER;
  end

  always_ff @(posedge clk_i) begin
    if (record_fire && section_q == HEADER && left_q == '0) begin
      scalars_q.in_clip     <= record_i[63:48];
      scalars_q.in_exponent <= record_i[71:64];
    end else if (scalars_taken_o) begin
      scalars_q.out_clip     <= scalars_record.out_clip;
      scalars_q.in_clip      <= scalars_record.in_clip;
      scalars_q.out_exponent <= scalars_record.out_exponent;
      scalars_q.in_exponent  <= scalars_record.in_exponent;
    end
  end

  logic unused;
  assign unused = &{1'b0, scalars_record.zeros};
endmodule

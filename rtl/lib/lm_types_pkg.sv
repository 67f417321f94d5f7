// What the parts of the core pass to each other. Yosys 0.23 reads packed structs as ports and
// signals; it does not read arrays of a package's struct, fields of one inside a generate block,
// constants of another package in one, or $bits of one: so widths are numbers here, and Verilator
// warns where a struct meets a port of another width.
package lm_types_pkg;

  // Widths of structs that wait in queues.
  // verilator lint_off UNUSEDPARAM
  localparam int unsigned DECAY_BITS = 32;
  localparam int unsigned SKIP_BITS = 24;
  localparam int unsigned BFP8_BITS = 16;
  // verilator lint_on UNUSEDPARAM

  // mantissa 2^exponent, of dt and 1 - a.
  typedef struct packed {
    logic signed [7:0] exponent;
    logic [7:0]        mantissa;
  } scaled_t;

  // The limits of dt.
  typedef struct packed {
    scaled_t max;
    scaled_t min;
  } dt_limits_t;

  // The decay a of a head at a token, as 1 - a, and dt.
  typedef struct packed {
    scaled_t complement;
    scaled_t dt;
  } decay_t;

  // D of a head.
  typedef struct packed {
    logic signed [7:0]  exponent;
    logic signed [15:0] mantissa;
  } skip_t;

  // A head as the SSM unit takes it.
  typedef struct packed {
    logic [15:0]       dither;      // of its first element
    skip_t             skip;        // D
    logic signed [7:0] x_exponent;
    decay_t            decay;
  } ssm_head_t;

  // A code of a bfp8 block, with the exponent of the block.
  typedef struct packed {
    logic signed [7:0] exponent;
    logic signed [7:0] code;
  } bfp8_t;

  // 1 / rms.
  typedef struct packed {
    logic signed [7:0] exponent;
    logic [16:0]       mantissa;
  } root_t;

  // What the header of the parameters says of the model.
  typedef struct packed {
    logic        has_short_state;    // codes of 8 bits, not 16
    logic [15:0] n_layer;
    logic [15:0] nheads;
    logic [15:0] d_model;
    logic [31:0] vocab_size;
    logic [15:0] hadamard_m;
    logic [7:0]  log2_hadamard_n;
    logic [31:0] weight_words;
    logic [31:0] weight_words_without_lm_head;
    logic [31:0] param_records;      // after the header
    logic [31:0] embedding_records;  // of a row
    logic [63:0] epsilon;
    logic [63:0] gated_epsilon;
    dt_limits_t  dt_limits;
    logic [7:0]  residual_fraction_bits;
    logic [7:0]  embedding_shift;
  } header_t;

  // Clips and exponents of the product that comes next with the residual, and of a layer's
  // out_proj.
  typedef struct packed {
    logic [15:0] in_clip;
    logic [7:0]  in_exponent;
    logic [15:0] out_clip;
    logic [7:0]  out_exponent;
  } layer_scalars_t;

  // Records of the parameters (docs/memory-map.md).
  typedef struct packed {
    logic [79:0] zeros;
    logic [7:0]  in_exponent;
    logic [7:0]  out_exponent;
    logic [15:0] in_clip;
    logic [15:0] out_clip;
  } scalars_record_t;

  typedef struct packed {
    logic [39:0]        zeros_2;
    skip_t              skip;
    logic [7:0]         zeros_1;
    logic signed [7:0]  a_exponent;
    logic [15:0]        a_mantissa;
    logic signed [31:0] dt_bias;
  } head_record_t;

  typedef struct packed {
    logic [31:0]        zeros_2;
    logic signed [31:0] bias;
    logic [23:0]        zeros_1;
    logic [7:0]         weight_exponent;
    logic [31:0]        weights;
  } conv_record_t;

  // What the sequencer of a token tells the other parts.
  typedef struct packed {
    logic product_start;   // with one of the next three
    logic in_proj_start;
    logic out_proj_start;
    logic lm_head_start;
    logic product_bank;    // of the vector that is multiplied
    logic load_start;      // of a vector
    logic load_rotated;    // it is the rotated one, not the residual
    logic load_bank;
    logic is_in_proj;      // the product whose sums come
    logic is_lm_head;
    logic set_residual;    // from the embedding, not by adding to it
  } control_t;

  // What the matrix unit does in a cycle, and the SSM unit.
  typedef struct packed {
    logic waits_for_output;
    logic has_no_product;
    logic waits_for_weights;
    logic is_busy;
  } mmu_activity_t;

  typedef struct packed {
    logic waits_for_input;
    logic waits_for_state;
    logic is_busy;
  } ssm_activity_t;

endpackage

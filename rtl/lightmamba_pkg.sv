// The constants of the accelerator: widths (docs/numerics.md says what the numbers mean) and
// registers (docs/memory-map.md). rtl/sim/write_rtl.cpp has written this file from the tables of
// src/accel/hardware.
package lightmamba_pkg;

  // No module uses all of them.
  // verilator lint_off UNUSEDPARAM

  // Exponents of powers of two.
  localparam int unsigned EXPONENT_BITS = 8;               // an exponent of two
  localparam logic signed [7:0] ZERO_EXPONENT = -8'sd128;  // the exponent of zero: below that of any value

  // Linear layers.
  localparam int unsigned GROUP = 128;              // columns that share a scale
  localparam int unsigned CODE_BITS = 4;            // a weight, an activation
  localparam int unsigned DOT_BITS = 15;            // the dot product of a group
  localparam int unsigned MULTIPLIER_BITS = 13;     // the multiplier of a group of activations
  localparam int unsigned SCALE_BITS = 16;          // the scale of a group of weights
  localparam int unsigned ACCUMULATOR_BITS = 48;    // the sum of a row
  localparam int unsigned KEPT_BITS = 25;           // a sum that an inverse root multiplies
  localparam int unsigned CLIP_BITS = 16;           // the share of the range that is kept; it has no sign
  localparam int unsigned CLIP_FRACTION_BITS = 15;  // its fraction bits: 2^15 is the whole range
  localparam int unsigned ROOT_BITS = 17;           // the mantissa of an inverse root

  // Between linear layers.
  localparam int unsigned BLOCK_CODE_BITS = 8;    // a code of a bfp8 block
  localparam int unsigned FRACTION_BITS = 16;     // the fraction of fixed point
  localparam int unsigned ACTIVATION_BITS = 26;   // a number in fixed point
  localparam int unsigned OUTPUT_BITS = 32;       // y in fixed point
  localparam int unsigned DT_FRACTION_BITS = 12;  // the fraction of dt before softplus
  localparam int unsigned DT_BITS = 18;           // dt before softplus
  localparam int unsigned SIGNIFICANT_BITS = 8;   // dt, 1 - a
  localparam int unsigned STATE_BITS = 16;        // a code of the state h in memory
  localparam int unsigned SHORT_STATE_BITS = 8;   // the same in the images that say so
  localparam int unsigned STEP_BITS = 32;         // h before it is rounded
  localparam int unsigned RESIDUAL_BITS = 26;     // the residual
  localparam int unsigned GATED_BITS = 32;        // y silu(z)
  localparam int unsigned GAINED_BITS = 26;       // y silu(z) times the gain of its channel
  localparam int unsigned ROTATED_BITS = 40;      // the same after the Hadamard transform
  localparam int unsigned LOGIT_BITS = 32;        // a logit

  // Dither of a number of the state: the sum, mod 2^16, of its position, index and layer times these.
  localparam int unsigned DITHER_BITS = 16;             // the dither by which h is rounded
  localparam logic [15:0] DITHER_POSITION = 16'd49471;  // times the position
  localparam logic [15:0] DITHER_INDEX = 16'd37345;     // times the index in the state of a layer
  localparam logic [15:0] DITHER_LAYER = 16'd20021;     // times the layer

  // Shapes of the models that a core runs.
  localparam int unsigned HEADDIM = 64;          // channels of a head
  localparam int unsigned D_STATE = 128;         // numbers of the state of a channel
  localparam int unsigned D_CONV = 4;            // taps of the conv
  localparam int unsigned MAX_D_MODEL = 2560;    // largest d_model
  localparam int unsigned MAX_HEADS = 80;        // largest nheads
  localparam int unsigned MAX_HADAMARD_M = 40;   // largest m of the rotation
  localparam int unsigned MAX_HADAMARD_N = 128;  // largest n of the rotation

  // Offsets of the registers.
  localparam logic [11:0] REG_CONTROL = 12'h000;        // start and state
  localparam logic [11:0] REG_GLOBAL_ENABLE = 12'h004;  // bit 0 enables the interrupt
  localparam logic [11:0] REG_ENABLE = 12'h008;         // which events interrupt
  localparam logic [11:0] REG_STATUS = 12'h00c;         // which of them came; writing a 1 toggles it
  localparam logic [11:0] REG_TOKEN = 12'h010;          // token
  localparam logic [11:0] REG_POSITION = 12'h018;       // position of the token in its sequence
  localparam logic [11:0] REG_FLAGS = 12'h020;          // what to do after the last layer
  localparam logic [11:0] REG_PARAMETERS = 12'h028;     // address of the parameters
  localparam logic [11:0] REG_EMBEDDING = 12'h034;      // address of the embedding
  localparam logic [11:0] REG_CONV_STATE = 12'h040;     // address of the conv state
  localparam logic [11:0] REG_LOGITS = 12'h04c;         // address of the logits
  localparam logic [11:0] REG_SSM_STATE = 12'h058;      // address of state channel c
  localparam logic [11:0] REG_WEIGHTS = 12'h0b8;        // address of weight channel c
  localparam logic [11:0] REG_NEXT_TOKEN = 12'h240;     // token of the largest logit, the first one if several are equal
  localparam logic [11:0] REG_NEXT_LOGIT = 12'h244;     // that logit
  localparam logic [11:0] REG_ERRORS = 12'h248;         // errors of the last token
  localparam logic [11:0] REG_COUNTERS = 12'h250;       // counter c of the last token
  localparam int unsigned REG_ADDRESS_STRIDE = 12;      // from an address to the next

endpackage

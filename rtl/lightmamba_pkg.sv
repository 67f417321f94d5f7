// All widths of the accelerator. docs/numerics.md says what the numbers mean; src/accel/numerics
// has the same constants.
package lightmamba_pkg;

  // No module uses all of them.
  // verilator lint_off UNUSEDPARAM

  // Exponents of powers of two. ZERO_EXPONENT is that of what is zero.
  localparam int unsigned EXPONENT_BITS = 8;
  localparam logic signed [7:0] ZERO_EXPONENT = -8'sd128;

  // Linear layers.
  localparam int unsigned GROUP = 128;            // columns that share a scale
  localparam int unsigned CODE_BITS = 4;          // of a weight and of an activation
  localparam int unsigned DOT_BITS = 15;          // of the dot product of a group
  localparam int unsigned MULTIPLIER_BITS = 13;   // of a group of activations, with sign
  localparam int unsigned SCALE_BITS = 16;        // of a group of weights, with sign
  localparam int unsigned ACCUMULATOR_BITS = 48;
  localparam int unsigned KEPT_BITS = 25;         // of a sum that an inverse root multiplies
  localparam int unsigned CLIP_BITS = 16;         // 2^15 is all of the range
  localparam int unsigned ROOT_BITS = 17;         // of the mantissa of an inverse root

  // Between linear layers.
  localparam int unsigned BLOCK_CODE_BITS = 8;
  localparam int unsigned FRACTION_BITS = 16;     // of fixed point
  localparam int unsigned ACTIVATION_BITS = 26;
  localparam int unsigned OUTPUT_BITS = 32;       // of y
  localparam int unsigned DT_FRACTION_BITS = 12;
  localparam int unsigned DT_BITS = 18;
  localparam int unsigned SIGNIFICANT_BITS = 8;   // of dt and 1 - a
  localparam int unsigned STATE_BITS = 16;
  localparam int unsigned STEP_BITS = 32;         // of h before it is rounded
  localparam int unsigned THRESHOLD_BITS = 16;

  localparam int unsigned RESIDUAL_BITS = 26;
  localparam int unsigned GATED_BITS = 32;
  localparam int unsigned GAINED_BITS = 26;
  localparam int unsigned ROTATED_BITS = 40;      // after the Hadamard transform
  localparam int unsigned LOGIT_BITS = 32;

endpackage

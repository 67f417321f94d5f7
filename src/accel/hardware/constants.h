// The constants that C++ and SystemVerilog share: rtl/lightmamba_pkg.sv is written from this table
// by rtl/sim/write_rtl.cpp. docs/numerics.md explains the numbers.
#pragma once

#include <array>
#include <span>
#include <string_view>

#include "quant/dither.h"
#include "quant/rounding_plan.h"

namespace lightmamba::accel {

struct Constant {
  std::string_view name;  // in the package
  int value;
  std::string_view meaning;
  int bits = 0;  // width of the constant itself in the package; 0: it is an int
};

// BITS is the width of the named number; it includes the sign of a number that may be negative.
namespace constants {

inline constexpr auto kExponents = std::to_array<Constant>({
    {"EXPONENT_BITS", 8, "an exponent of two"},
    {"ZERO_EXPONENT", -128, "the exponent of zero: below that of any value", 8},
});

inline constexpr auto kLinearLayers = std::to_array<Constant>({
    {"GROUP", 128, "columns that share a scale"},
    {"CODE_BITS", 4, "a weight, an activation"},
    {"DOT_BITS", 15, "the dot product of a group"},
    {"MULTIPLIER_BITS", 13, "the multiplier of a group of activations"},
    {"SCALE_BITS", 16, "the scale of a group of weights"},
    {"ACCUMULATOR_BITS", 48, "the sum of a row"},
    {"KEPT_BITS", 25, "a sum that an inverse root multiplies"},
    {"CLIP_BITS", 16, "the share of the range that is kept; it has no sign"},
    {"CLIP_FRACTION_BITS", 15, "its fraction bits: 2^15 is the whole range"},
    {"ROOT_BITS", 17, "the mantissa of an inverse root"},
});

inline constexpr auto kElements = std::to_array<Constant>({
    {"BLOCK_CODE_BITS", 8, "a code of a bfp8 block"},
    {"FRACTION_BITS", 16, "the fraction of fixed point"},
    {"ACTIVATION_BITS", 26, "a number in fixed point"},
    {"OUTPUT_BITS", 32, "y in fixed point"},
    {"DT_FRACTION_BITS", 12, "the fraction of dt before softplus"},
    {"DT_BITS", 18, "dt before softplus"},
    {"SIGNIFICANT_BITS", kSsmSignificantBits, "dt, 1 - a"},
    {"STATE_BITS", 16, "a code of the state h in memory"},
    {"SHORT_STATE_BITS", 8, "the same in the images that say so"},
    {"STEP_BITS", 32, "h before it is rounded"},
    {"RESIDUAL_BITS", 26, "the residual"},
    {"GATED_BITS", 32, "y silu(z)"},
    {"GAINED_BITS", 26, "y silu(z) times the gain of its channel"},
    {"ROTATED_BITS", 40, "the same after the Hadamard transform"},
    {"LOGIT_BITS", 32, "a logit"},
});

inline constexpr auto kDither = std::to_array<Constant>({
    {"DITHER_BITS", kDitherBits, "the dither by which h is rounded"},
    {"DITHER_POSITION", kDitherPosition, "times the position", kDitherBits},
    {"DITHER_INDEX", kDitherIndex, "times the index in the state of a layer", kDitherBits},
    {"DITHER_LAYER", kDitherLayer, "times the layer", kDitherBits},
});

inline constexpr auto kShapes = std::to_array<Constant>({
    {"HEADDIM", 64, "channels of a head"},
    {"D_STATE", 128, "numbers of the state of a channel"},
    {"D_CONV", 4, "taps of the conv"},
    {"MAX_D_MODEL", 2560, "largest d_model"},
    {"MAX_HEADS", 80, "largest nheads"},
    {"MAX_HADAMARD_M", 40, "largest m of the rotation"},
    {"MAX_HADAMARD_N", 128, "largest n of the rotation"},
});

}  // namespace constants

struct ConstantSection {
  std::string_view title;
  std::span<const Constant> constants;
};

inline constexpr auto kConstantSections = std::to_array<ConstantSection>({
    {"Exponents of powers of two.", constants::kExponents},
    {"Linear layers.", constants::kLinearLayers},
    {"Between linear layers.", constants::kElements},
    {"Dither of a number of the state: the sum, mod 2^16, of its position, index and layer times "
     "these.",
     constants::kDither},
    {"Shapes of the models that a core runs.", constants::kShapes},
});

// Not defined: a name that is not in the table does not compile.
int no_such_constant();

// Returns the value of a constant of the table.
consteval int constant(std::string_view name) {
  for (const ConstantSection& section : kConstantSections) {
    for (const Constant& each : section.constants) {
      if (each.name == name) return each.value;
    }
  }
  return no_such_constant();
}

}  // namespace lightmamba::accel

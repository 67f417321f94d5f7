// Integer grids for tensors: what quantization does to a value, in float arithmetic ("fake
// quantization"). One of these at a tap shows what a format costs.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>

#include <lightmamba/error.h>
#include <lightmamba/export.h>
#include <lightmamba/taps.h>

namespace LIGHTMAMBA_EXPORT lightmamba {

// A row is cut into groups of `group` consecutive columns (the last one may be shorter), each with
// a scale of its own, found from the values themselves (dynamic quantization):
//
//   symmetric    scale = clip * max|x| / (2^(bits-1) - 1), code = round(x / scale) within
//                +-(2^(bits-1) - 1)
//   full_range   codes are -2^(bits-1) ... 2^(bits-1) - 1, scale = -clip * e / 2^(bits-1) for the
//                value e of largest magnitude, which so takes the lowest code; the scale may be
//                negative (of e and -e, -e decides)
//   asymmetric   scale = clip * (max x - min x) / (2^bits - 1) over a range that holds 0; codes are
//                0 ... 2^bits - 1 around an integer zero point
//
// with round to nearest, ties to even, of x * (1 / scale) in float32.
struct Quantizer {
  int bits = 8;              // 2 ... 16
  std::int64_t group = 128;  // columns; 0: the whole row
  bool symmetric = true;
  bool full_range = false;    // only with symmetric; a step is 1/8 instead of 1/7 at 4 bits
  bool power_of_two = false;  // the scale is rounded up to a power of two
  float clip = 1.0F;          // share of the range that the codes span; the rest saturates

  bool operator==(const Quantizer&) const = default;
};

// Replaces each value by the nearest one of its group's grid; `values` are rows of `columns`.
// Zeros stay zeros; values that are not finite make their group NaN. Throws Error if the quantizer
// is out of range or `values` are not whole rows.
void fake_quantize(const Quantizer& quantizer, std::int64_t columns, std::span<float> values);

// A tap that quantizes what passes.
TapFn quantizing_tap(const Quantizer& quantizer);

// "BITS[:GROUP][:pot][:asym][:full][:clip=X]", for example "4:128" or "8:64:pot"; throws Error.
Quantizer parse_quantizer(std::string_view text);
std::string quantizer_text(const Quantizer& quantizer);

}  // namespace lightmamba

// Quantization of tensors to integer grids in float arithmetic ("fake quantization"). A quantizer
// at a tap shows how much accuracy a format costs.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>

#include <lightmamba/error.h>
#include <lightmamba/export.h>
#include <lightmamba/taps.h>

namespace lightmamba {

// A row is cut into groups of `group` consecutive columns (the last one may be shorter). Each has
// its own scale, computed from the values themselves (dynamic quantization):
//
//   symmetric    scale = clip * max|x| / (2^(bits-1) - 1), code = round(x / scale) within
//                +-(2^(bits-1) - 1)
//   full_range   codes are -2^(bits-1) ... 2^(bits-1) - 1, scale = -clip * e / 2^(bits-1) for the
//                value e of largest magnitude, which thus gets the lowest code; the scale may be
//                negative (if both e and -e occur, -e decides)
//   asymmetric   scale = clip * (max x - min x) / (2^bits - 1) over a range that holds 0; codes are
//                0 ... 2^bits - 1 around an integer zero point
//
// x * (1 / scale) is computed in float32 and rounded to nearest, ties to even.
struct Quantizer {
  int bits = 8;              // 2 ... 16
  std::int64_t group = 128;  // number of columns; 0 means the whole row
  bool symmetric = true;
  bool full_range = false;    // needs symmetric; at 4 bits a step is 1/8 of the range, not 1/7
  bool power_of_two = false;  // the scale is rounded up to a power of two
  float clip = 1.0F;          // share of the range that the codes span; values beyond saturate

  bool operator==(const Quantizer&) const = default;
};

// Replaces each value by the nearest one of its group's grid; `values` are rows of `columns`.
// Zeros stay zeros; a value that is not finite turns its group into NaN. Throws Error if the
// quantizer is out of range or `values` are not whole rows.
LIGHTMAMBA_EXPORT void fake_quantize(const Quantizer& quantizer, std::int64_t columns,
                                     std::span<float> values);

// Returns a tap function that quantizes each value it is given.
LIGHTMAMBA_EXPORT TapFn quantizing_tap(const Quantizer& quantizer);

// "BITS[:GROUP][:pot][:asym][:full][:clip=X]", for example "4:128" or "8:64:pot"; throws Error.
LIGHTMAMBA_EXPORT Quantizer parse_quantizer(std::string_view text);
LIGHTMAMBA_EXPORT std::string quantizer_text(const Quantizer& quantizer);

}  // namespace lightmamba

// How the SSM state is rounded to integers between tokens.
#pragma once

#include <cstdint>
#include <span>

#include <lightmamba/config.h>
#include <lightmamba/quant_format.h>
#include <lightmamba/taps.h>

namespace lightmamba {

// Codes of so many bits with a power-of-two scale for each group, chosen again at every token; 0
// bits is float. What a token adds to a slow channel may be far below the last bit: to nearest it
// is lost for ever. Dithered, a number is rounded up where its fraction and a threshold reach 1;
// over the tokens the thresholds of a number fill [0, 1) evenly, and so what is added is right on
// average. Zeros, and numbers that are codes, stay what they are.
struct StateCodes {
  int bits = 0;
  bool dithered = true;
};
StateCodes state_codes(StateFormat format);

// Rounds the state of one layer after the token at `position`, [nheads * headdim * d_state] in
// groups of d_state. The thresholds are those of quant/dither.h, the same in prefill and decode.
void round_state(const StateCodes& codes, std::int64_t d_state, std::int64_t layer,
                 std::int64_t position, std::span<float> state);

// round_state() as a tap on the state; none for float.
TapFn state_tap(const StateCodes& codes, const Mamba2Config& config);

}  // namespace lightmamba

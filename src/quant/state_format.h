// The rounding of the SSM state to integers between tokens.
#pragma once

#include <cstdint>
#include <span>

#include <lightmamba/config.h>
#include <lightmamba/quant_format.h>
#include <lightmamba/taps.h>

namespace lightmamba {

// Codes of `bits` bits with a power-of-two scale for each group, chosen again at every token; 0
// bits means float. The contribution of a token to a slow channel may be far below the last bit:
// rounding to nearest would lose it for ever. With dither, a number is rounded up if its fraction
// and a threshold reach 1; over the tokens the thresholds of a number fill [0, 1) evenly, so the
// sum of contributions is right on average. Zeros, and numbers that are codes, do not change.
struct StateCodes {
  int bits = 0;
  bool dithered = true;
};
StateCodes state_codes(StateFormat format);

// Rounds the state of one layer after the token at `position`, [nheads * headdim * d_state] in
// groups of d_state. The thresholds are those of quant/dither.h, and the same in prefill and
// decode.
void round_state(const StateCodes& codes, std::int64_t d_state, std::int64_t layer,
                 std::int64_t position, std::span<float> state);

// Returns round_state() as a tap on the state; none for float.
TapFn state_tap(const StateCodes& codes, const Mamba2Config& config);

}  // namespace lightmamba

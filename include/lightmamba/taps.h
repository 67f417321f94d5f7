// Named points of the forward pass where a value can be inspected or replaced. Calibration observes
// values at them, accuracy studies quantize there, and error analysis compares there.
#pragma once

#include <algorithm>
#include <array>
#include <cstdint>
#include <functional>
#include <span>
#include <string_view>
#include <utility>

#include <lightmamba/export.h>

namespace lightmamba {

// In the order of computation. Symbols are those of docs/model.md; T is the number of tokens.
enum class Tap {
  embedding,        // r                          [T, d_model]   layer -1
  in_proj_input,    // u = rmsnorm(r; g1)         [T, d_model]
  z,                // gate                       [T, d_inner]
  conv_input,       // x | B | C before the conv  [T, conv_dim]
  conv_output,      // after conv and SiLU        [T, conv_dim]
  dt,               // after softplus and clamp   [T, nheads]
  decay,            // a = exp(-exp(A_log) dt)    [T, nheads]
  state,            // h as kept for the next token, y computed from it before the tap
                    //                            [nheads, headdim * d_state], once per token
  ssm_output,       // y = h C + D x              [T, d_inner]
  gated,            // y * silu(z)                [T, d_inner]
  out_proj_input,   // v = rmsnorm(gated; g2)     [T, d_inner]
  out_proj_output,  // W_out v                    [T, d_model]
  residual,         // r + W_out v                [T, d_model]
  head_input,       // rmsnorm(r; gf)             [T, d_model]   layer -1
  logits,           //                            [T, vocab_size] layer -1
};
inline constexpr int kTapCount = 15;

LIGHTMAMBA_EXPORT std::string_view tap_name(Tap tap);  // "in_proj_input", ...

// A tensor at a tap, row-major [rows, columns]. It is writable: the network continues with the
// values that the tap function leaves in it.
struct TapValue {
  Tap tap;
  std::int64_t layer;           // -1 outside the blocks
  std::int64_t first_position;  // position in the sequence of row 0 (for `state`: of the token)
  std::int64_t rows;
  std::int64_t columns;
  std::span<float> data;
};
using TapFn = std::function<void(const TapValue&)>;

// A tap on `state` makes prefill run the recurrence token by token instead of the chunked form,
// since the chunked form holds the state only between chunks.
class Taps {
 public:
  void set(Tap tap, TapFn fn) { functions_[static_cast<std::size_t>(tap)] = std::move(fn); }
  const TapFn& get(Tap tap) const { return functions_[static_cast<std::size_t>(tap)]; }
  bool has(Tap tap) const { return static_cast<bool>(get(tap)); }
  bool empty() const {
    return std::none_of(functions_.begin(), functions_.end(),
                        [](const TapFn& fn) { return static_cast<bool>(fn); });
  }
  void call(const TapValue& value) const {
    if (const TapFn& fn = get(value.tap)) fn(value);
  }

 private:
  std::array<TapFn, kTapCount> functions_;
};

}  // namespace lightmamba

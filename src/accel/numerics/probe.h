// What the units of the accelerator give, for whoever compares two of them.
#pragma once

#include <cstdint>
#include <functional>
#include <span>

namespace lightmamba::accel {

// In the order of the dataflow. A unit gives all its values of a layer at once.
enum class ProbePoint {
  residual,  // after the embedding, as layer -1, and after each layer
  blocks,    // z | x | B | C of in_proj: a code and its block's exponent each
  decay,     // of each head: mantissa and exponent of dt, mantissa and exponent of 1 - a
  conv,      // x | B | C after conv and silu: code and exponent each
  y,         // before it is rounded to 8 bits
  gated,     // y silu(z), before the gain
  rotated,   // after the Hadamard transform
  logits,    // as layer n_layer
};

// Stands for a value that has not come where an accelerator has got stuck.
inline constexpr std::int64_t kNotGiven = INT64_MIN;

using Probe = std::function<void(ProbePoint, std::int64_t layer, std::span<const std::int64_t>)>;

}  // namespace lightmamba::accel

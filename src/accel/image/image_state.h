// The state of a sequence in the layout of the core's memory.
#pragma once

#include <cstddef>
#include <vector>

#include "accel/image/image_layout.h"
#include "accel/numerics/golden_model.h"

namespace lightmamba::accel {

struct ImageState {
  std::vector<std::byte> conv;
  std::vector<std::vector<std::byte>> ssm;  // one for each channel

  bool operator==(const ImageState&) const = default;
};

// Converts a state whose codes have `state_bits` (16 or 8); GoldenState(config) is that of a new
// sequence. The configuration must fit the core.
ImageState to_image_state(const GoldenState& state, const Mamba2Config& config, int state_bits,
                          const Hardware& hardware, RowOrder order);

// Converts back; a state in memory has no position. Each memory channel of a head has all of its
// exponents.
GoldenState from_image_state(const ImageState& state, std::int64_t position,
                             const Mamba2Config& config, int state_bits, const Hardware& hardware,
                             RowOrder order);

}  // namespace lightmamba::accel

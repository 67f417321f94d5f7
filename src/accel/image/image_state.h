// The state of a sequence as it lies in the core's memory.
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

// GoldenState(config) is that of a new sequence. The configuration has to fit the core.
ImageState to_image_state(const GoldenState& state, const Mamba2Config& config,
                          const Hardware& hardware, RowOrder order);

// Back again; a state in memory has no position. Exponents are those of channel 0.
GoldenState from_image_state(const ImageState& state, std::int64_t position,
                             const Mamba2Config& config, const Hardware& hardware, RowOrder order);

}  // namespace lightmamba::accel

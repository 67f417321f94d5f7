// The memory that the core reads, made from an integer model (docs/memory-map.md).
#pragma once

#include <cstddef>
#include <memory>
#include <span>
#include <vector>

#include "accel/image/image_layout.h"

namespace lightmamba::accel {

// Bytes that `owner` keeps alive, in a mapped file or in memory.
struct Region {
  std::span<const std::byte> bytes;
  std::shared_ptr<const void> owner;
};

// The memory that no token changes; the state of a sequence is in image_state.h. Copies share the
// data.
struct Image {
  Mamba2Config config;
  Hardware hardware;
  RowOrder order;
  std::int64_t hadamard_m;
  int state_bits;               // bits of a code of the SSM state, 16 or 8
  std::vector<Region> weights;  // one for each channel
  Region parameters;
  Region embedding;

  ImageLayout layout() const { return {config, hadamard_m, state_bits, hardware}; }
};

// Throws Error if does_not_fit() gives a reason, or if a number has more bits than its field.
Image make_image(const IntegerModel& model, const Hardware& hardware, RowOrder order);

}  // namespace lightmamba::accel

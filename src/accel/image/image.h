// The memory that the core reads, made from an integer model (docs/memory-map.md).
#pragma once

#include <cstddef>
#include <memory>
#include <span>
#include <vector>

#include "accel/image/image_layout.h"

namespace lightmamba::accel {

// Bytes that `owner` keeps alive: a part of a mapped file, or memory.
struct Region {
  std::span<const std::byte> bytes;
  std::shared_ptr<const void> owner;
};

// What no token changes; the state of a sequence is in image_state.h. Copies share the data.
struct Image {
  Mamba2Config config;
  Hardware hardware;
  RowOrder order;
  std::int64_t hadamard_m;
  std::vector<Region> weights;  // one for each channel
  Region parameters;
  Region embedding;

  ImageLayout layout() const { return {config, hadamard_m, hardware}; }
};

// Throws Error where does_not_fit() gives a reason, or a number has more bits than its field.
Image make_image(const IntegerModel& model, const Hardware& hardware, RowOrder order);

}  // namespace lightmamba::accel
